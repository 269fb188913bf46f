# The statements are put together from numbers of its own.
# ruff: noqa: S608
"""What a migration costs, beside psql feeding the same files in one session without ledger or locks.

Run: ``python -m bench.migrate [--rounds N] [--rows N] [--quick]`` from the checkout. The server runs with its durable
defaults. Prints each line of the table and, unless ``--quick``, writes ``RESULTS-migrate.md``.
"""

import argparse
import asyncio
import datetime as dt
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from time import perf_counter

import asyncpg

from bench.processes import machine
from bench.report import HEAD, Target, row
from tests.support.migrate import COMMAND, REQUEST_LOG_INDEXES, apply_with_psql, migrate, shipped_scripts
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import clean_environment

RESULTS = Path(__file__).with_name("RESULTS-migrate.md")
DURABLE = {"fsync": "on", "full_page_writes": "on"}
UPGRADE_FROM = 100
SMALL_ROWS = 280_000
"""A request log that is just below the size from which an index is built concurrently: about 61 MB of 64."""

INTERPRETER = [sys.executable, "-c", "import asyncio, asyncpg"]

# Linux counts what the parent held at the fork into the child's peak: the parent has to be small.
SMALL_PARENT = """
import os, resource, sys, time
began = time.perf_counter()
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True)
class Run:
    """One process: how long it took, in seconds, and its peak resident memory in MiB."""

    seconds: float
    memory: float


@dataclass(frozen=True)
class Round:
    """One upgrade by either tool, ours once more on the result, and an interpreter that only loads the client."""

    psql: Run
    ours: Run
    again: Run
    floor: Run


def measured(command: Sequence[str], **environment: str) -> Run:
    """Run ``command`` and measure it from outside."""
    finished = subprocess.run(
        [sys.executable, "-S", "-c", SMALL_PARENT, *command],
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    seconds, kibibytes = finished.stdout.splitlines()[-1].split()
    return Run(float(seconds), int(kibibytes) / 1024)


def psql(server: PostgresServer, database: str, feed: Path) -> Run:
    """Feed a file of commands to psql."""
    tool = str(server.binaries / "psql")
    return measured([tool, "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(feed), server.url(database)])


def upgrades(server: PostgresServer, rounds: int, start: int) -> list[Round]:
    """Measure upgrades from the first ``start`` migrations, each round with the tools in the other order."""
    template = f"from_{start}"
    server.create_database(template)
    if start:
        apply_with_psql(server, template, shipped_scripts()[:start], indexes=False)
    # Beside the data: a place of its own that goes away with it.
    feed = server.data.parent / f"{template}.sql"
    feed.write_text("".join(f"\\i '{script.path}'\n" for script in shipped_scripts()[start:]))
    found = []
    for number in range(rounds):
        runs: dict[str, Run] = {}
        for tool in ("ours", "psql") if number % 2 else ("psql", "ours"):
            name = f"{tool}_{start}_{number}"
            url = server.create_database(name, template=template)
            if tool == "psql":
                runs["psql"] = psql(server, name, feed)
            else:
                runs["ours"] = measured([COMMAND, "up"], DATABASE_URL=url)
                runs["again"] = measured([COMMAND, "up"], DATABASE_URL=url)
                runs["floor"] = measured(INTERPRETER)
            server.drop_database(name)
        found.append(Round(**runs))
    return found


def upgrade_rows(label: str, rounds: Sequence[Round], bound: Target | None) -> str:
    """Return the lines of one starting point."""
    memory, noop = Target(40, absolute=True), Target(0.3, absolute=True)
    nothing = f"{label}, then nothing to do"
    return (
        row(f"{label}: s", [(r.psql.seconds, r.ours.seconds) for r in rounds], bound, 2)
        + row(f"{label}: peak memory, MiB", [(r.psql.memory, r.ours.memory) for r in rounds], memory, 0)
        + row(f"{nothing}: s", [(r.psql.seconds, r.again.seconds) for r in rounds], noop, 2)
        + row(f"{nothing}: peak memory, MiB", [(r.psql.memory, r.again.memory) for r in rounds], memory, 0)
        + row(
            f"{nothing}, beside `python -c 'import asyncio, asyncpg'`: s",
            [(r.floor.seconds, r.again.seconds) for r in rounds],
            digits=2,
        )
    )


async def beside_a_writer(url: str, build: Callable[[], object]) -> tuple[float, float]:
    """Run ``build`` while a client inserts one row after another.

    Returns:
        the longest insert in milliseconds, and how long the build took in seconds.
    """
    connection = await asyncpg.connect(url)
    building = asyncio.create_task(asyncio.to_thread(build))
    began = perf_counter()
    longest, number = 0.0, 0
    while not building.done():
        number += 1
        before = perf_counter()
        await connection.execute(
            'INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime") '
            "VALUES ($1, 'x', now(), now())",
            f"w{number}",
        )
        longest = max(longest, perf_counter() - before)
        await asyncio.sleep(0.002)
    seconds = perf_counter() - began
    await connection.close()
    await building
    return longest * 1000, seconds


def index_builds(server: PostgresServer, rows: int, rounds: int) -> str:
    """Measure a writer beside the build of the request log's indexes over ``rows`` rows, and return the lines.

    psql builds them as anybody would who does not think of writers: by a plain CREATE INDEX.
    """
    template = f"log_{rows}"
    server.create_database(template)
    apply_with_psql(server, template, shipped_scripts(), indexes=False)
    server.sql(
        'INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, litellm_call_id, "startTime", "endTime") '
        "SELECT 'r' || i, 'completion', md5((i % 500)::text), md5(i::text), now() - i * interval '1 second', now() "
        f"FROM generate_series(1, {rows}) i; VACUUM ANALYZE",
        database=template,
    )
    size = int(server.sql("SELECT pg_table_size('\"LiteLLM_SpendLogs\"')", database=template)[0]) // 2**20

    def build_with_psql() -> None:
        server.sql(REQUEST_LOG_INDEXES, database=name)

    def build_with_ours() -> None:
        done = migrate("up", url=server.url(name))
        assert done.returncode == 0, done.stderr

    found: dict[str, list[tuple[float, float]]] = {"psql": [], "ours": []}
    for number in range(rounds):
        for tool in ("ours", "psql") if number % 2 else ("psql", "ours"):
            name = f"{tool}_{template}_{number}"
            url = server.create_database(name, template=template)
            work = build_with_psql if tool == "psql" else build_with_ours
            found[tool].append(asyncio.run(beside_a_writer(url, work)))
            server.drop_database(name)
    server.drop_database(template)
    where = f"request-log indexes over {rows:,} rows ({size} MiB)"
    pairs = list(zip(found["psql"], found["ours"], strict=True))
    longest = [(a[0], b[0]) for a, b in pairs]
    # A median would hide one long wait in one round: the worst counts.
    worst = [(max(a for a, _ in longest), max(b for _, b in longest))]
    return row(
        f"{where}: longest insert beside the build, worst round, ms", worst, Target(1000, absolute=True), 0
    ) + row(f"{where}: build, s", [(a[1], b[1]) for a, b in pairs], digits=1)


def heading(server: PostgresServer, note: str) -> str:
    """Return what stands above the table."""
    host = machine()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("litellm-proxy-extras", "asyncpg", "pglast"))
    return (
        "# Results of the migration benchmark\n\n"
        f"Written by `make bench-migrate` on {dt.datetime.now(dt.UTC).date().isoformat()}; `docs/performance.md` says "
        "how to read it.\n\n"
        f"{host.cpu}, {host.cores} cores, {host.memory_gib} GiB; PostgreSQL {server.sql('SHOW server_version')[0]}, "
        f"durable, on the same machine; Python {platform.python_version()}; {versions}.\n"
        f"{note}\n\n" + HEAD.format(a="psql", b="routeiq-migrate")
    )


def shown(rows: str) -> str:
    """Print the rows as they come."""
    sys.stdout.write(rows)
    sys.stdout.flush()
    return rows


def main() -> int:
    """Measure, print the table as it grows, and write it; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description="Measure routeiq-migrate against psql.")
    parser.add_argument("--rounds", type=int, default=9, help="of each upgrade (9)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the request log that gets its indexes")
    parser.add_argument("--quick", action="store_true", help="few rounds and no large table; writes nothing")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    before = os.getloadavg()[0]
    with running_postgres(settings=DURABLE) as server:
        count = len(shipped_scripts())
        rows = shown(upgrade_rows(f"empty to current, {count} migrations", upgrades(server, rounds, 0), Target(1.5)))
        label = f"upgrade over {count - UPGRADE_FROM} migrations"
        rows += shown(upgrade_rows(label, upgrades(server, rounds, UPGRADE_FROM), None))
        for size in (SMALL_ROWS, *(() if options.quick else (options.rows,))):
            rows += shown(index_builds(server, size, 1 if options.quick else 3))
        note = (
            f"{rounds} rounds of each upgrade, 3 of each index build; load average of the machine before the run: "
            f"{before:.2f}, after it: {os.getloadavg()[0]:.2f}."
        )
        if not options.quick:
            RESULTS.write_text(heading(server, note) + rows)
    return 1 if "**missed**" in rows else 0


if __name__ == "__main__":
    sys.exit(main())
