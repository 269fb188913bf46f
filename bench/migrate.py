# The statements are put together from numbers of its own.
# ruff: noqa: S608
"""What a migration costs, each figure beside psql feeding the same files in one session without ledger or locks.

Run: ``python -m bench.migrate [rounds]`` from the checkout, with ``--rows 1000000`` for the writer beside an index
build. The server runs with its durable defaults. Prints one line a figure; exits 1 when a target is missed.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import asyncpg

from tests.support.migrate import COMMAND, apply_with_psql, migrate, shipped_scripts
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import clean_environment

DURABLE = {"fsync": "on", "full_page_writes": "on"}
UPGRADE_FROM = 100
TARGETS = {"empty": 1.5, "megabytes": 40.0, "writer_ms": 1000.0, "noop_s": 0.3}


# Linux counts what the parent held at the fork into the child's peak: the parent has to be small.
SMALL_PARENT = """
import os, resource, sys, time
began = time.perf_counter()
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "up"])
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Run:
    """One process: how long it took, in seconds, and its peak resident memory in megabytes."""

    seconds: float
    megabytes: float


def run_up(url: str) -> Run:
    """Run ``routeiq-migrate up`` and measure it from outside."""
    measured = subprocess.run(
        [sys.executable, "-S", "-c", SMALL_PARENT, COMMAND],
        env=clean_environment(DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    seconds, kilobytes = measured.stdout.splitlines()[-1].split()
    return Run(float(seconds), int(kilobytes) / 1024)


def run_psql(server: PostgresServer, database: str, start: int) -> float:
    """Feed the files from ``start`` on to psql; return the seconds it took."""
    feed = "".join(f"\\i '{script.path}'\n" for script in shipped_scripts()[start:])
    began = time.perf_counter()
    server.sql(feed, database=database)
    return time.perf_counter() - began


def measure(server: PostgresServer, rounds: int, start: int) -> tuple[list[Run], list[Run], list[float]]:
    """Measure an upgrade from the first ``start`` migrations: ours, ours again on the result, and psql, in turn."""
    template = f"from_{start}"
    server.create_database(template)
    if start:
        apply_with_psql(server, template, shipped_scripts()[:start], indexes=False)
    ours, again, theirs = [], [], []
    for number in range(rounds):
        for tool in ("ours", "psql") if number % 2 else ("psql", "ours"):
            name = f"{tool}_{start}_{number}"
            server.create_database(name, template=template)
            if tool == "psql":
                theirs.append(run_psql(server, name, start))
            else:
                ours.append(run_up(server.url(name)))
                again.append(run_up(server.url(name)))
            server.drop_database(name)
    return ours, again, theirs


async def slowest_write(server: PostgresServer, rows: int) -> tuple[float, float]:
    """Build the request-log indexes over ``rows`` rows beside a writer.

    Returns:
        the longest insert in milliseconds, and how long the run took in seconds.
    """
    url = server.create_database("large")
    apply_with_psql(server, "large", shipped_scripts(), indexes=False)
    server.sql(
        'INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, litellm_call_id, "startTime", "endTime") '
        "SELECT 'r' || i, 'completion', md5((i % 500)::text), md5(i::text), now() - i * interval '1 second', now() "
        f"FROM generate_series(1, {rows}) i; ANALYZE",
        database="large",
    )
    connection = await asyncpg.connect(url)
    building = asyncio.create_task(asyncio.to_thread(migrate, "up", url=url))
    began = time.perf_counter()
    longest = 0.0
    number = 0
    while not building.done():
        number += 1
        before = time.perf_counter()
        await connection.execute(
            'INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime") '
            "VALUES ($1, 'x', now(), now())",
            f"w{number}",
        )
        longest = max(longest, time.perf_counter() - before)
        await asyncio.sleep(0.002)
    await connection.close()
    assert building.result().returncode == 0
    return longest * 1000, time.perf_counter() - began


def main() -> int:
    """Measure, print, and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=7)
    parser.add_argument("--rows", type=int, default=0)
    arguments = parser.parse_args()
    missed = []
    with running_postgres(settings=DURABLE) as server:
        for label, start in (("empty", 0), ("upgrade", UPGRADE_FROM)):
            ours, again, theirs = measure(server, arguments.rounds, start)
            mine = statistics.median(run.seconds for run in ours)
            psql = statistics.median(theirs)
            quiet = statistics.median(run.seconds for run in again)
            megabytes = max(run.megabytes for run in ours)
            idle_megabytes = max(run.megabytes for run in again)
            print(
                f"{label}: up {mine:.2f} s, psql {psql:.2f} s, ratio {mine / psql:.2f}, peak {megabytes:.0f} MB; "
                f"no-op {quiet:.2f} s, ratio {quiet / psql:.2f}, peak {idle_megabytes:.0f} MB"
            )
            if label == "empty" and mine / psql > TARGETS["empty"]:
                missed.append("empty to current within 1.5 times psql")
            if idle_megabytes > TARGETS["megabytes"] or (label == "empty" and megabytes > TARGETS["megabytes"]):
                missed.append(f"{label}: peak memory within 40 MB")
            if quiet > TARGETS["noop_s"]:
                missed.append(f"{label}: a run with nothing to do within 0.3 s")
        if arguments.rows:
            longest, seconds = asyncio.run(slowest_write(server, arguments.rows))
            print(
                f"index builds over {arguments.rows} rows: {seconds:.1f} s, longest insert beside them {longest:.0f} ms"
            )
            if longest > TARGETS["writer_ms"]:
                missed.append("a writer is never blocked longer than a second")
    for target in missed:
        print(f"MISSED: {target}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
