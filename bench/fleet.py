"""A large fleet on one PostgreSQL: ``python -m bench.fleet [--replicas 200] [--processes 4] [--seconds 60]``.

Each core is a real syncd (`bench.fleet_worker`), though many of them share a process. Prints what a fleet costs and how
fast it follows, and writes ``bench/RESULTS-fleet.md`` unless ``--quick``.
"""

import argparse
import contextlib
import datetime as dt
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import cpu_seconds, machine
from bench.syncd_runs import materialised
from tests.support.fleet import create_schema
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import REPOSITORY, clean_environment
from tests.support.syncd import MODEL
from tests.support.waiting import wait_for

RESULTS = Path(__file__).with_name("RESULTS-fleet.md")
DATABASE = "bench"
MODELS = 100  # a configuration of some 12 KB


@dataclass
class Large:
    """A running fleet."""

    server: PostgresServer
    folder: Path
    replicas: int
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    read: dict[Path, int] = field(default_factory=dict)
    done: dict[int, dict[int, float]] = field(default_factory=dict)  # revision, core: when it was materialised

    @property
    def config(self) -> Path:
        """The source of every core."""
        return self.folder / "source" / "config.yaml"

    def ask(self, query: str) -> list[str]:
        """Ask the database."""
        return self.server.sql(query, database=DATABASE)

    def number(self, query: str) -> float:
        """Ask for one number, 0 where there is none."""
        return float((self.ask(query) or ["0"])[0] or 0)

    def start(self, processes: int) -> None:
        """Start the workers with an equal share each."""
        share = self.replicas // processes
        for worker in range(processes):
            command = [sys.executable, "-m", "bench.fleet_worker", str(worker * share), str(share)]
            with self._log(worker).open("wb") as log:
                self.workers.append(
                    subprocess.Popen(
                        [*command, str(self.folder)],
                        env=clean_environment(
                            DATABASE_URL=self.server.url(DATABASE), LITELLM_CONFIG_PATH=str(self.config)
                        ),
                        cwd=REPOSITORY,
                        stdin=subprocess.PIPE,
                        stderr=log,
                    )
                )

    def stop_core(self, core: int) -> None:
        """End one core cleanly."""
        stdin = self.workers[core * len(self.workers) // self.replicas].stdin
        assert stdin is not None
        stdin.write(f"stop {core}\n".encode())
        stdin.flush()

    def put(self, name: str) -> None:
        """Change the configuration, whole at once."""
        whole = "model_list:\n" + "".join(
            MODEL.format(name=f"{name}-{index}").removeprefix("model_list:\n") for index in range(MODELS)
        )
        fresh = self.config.with_name("new")
        fresh.write_text(whole)
        fresh.rename(self.config)

    def followed(self, revision: int, cores: int) -> bool:
        """Return whether ``cores`` cores have materialised ``revision``."""
        for worker in range(len(self.workers)):
            for at, event in materialised(self._log(worker), self.read):
                self.done.setdefault(event["number"], {})[event["core"]] = at
        return len(self.done.get(revision, {})) >= cores

    def _log(self, worker: int) -> Path:
        return self.folder / f"worker{worker}.log"


@dataclass(frozen=True)
class Costs:
    """What was used between two moments."""

    seconds: float
    client: float
    server: float
    transactions: float
    wal: float


class Meter:
    """Counts from its creation on: CPU seconds of the workers and of the server, transactions, bytes of WAL."""

    def __init__(self, large: Large) -> None:
        self._large = large
        self._before = self._now()

    def costs(self) -> Costs:
        """Return what was used since."""
        seconds, *rest = (after - before for after, before in zip(self._now(), self._before, strict=True))
        return Costs(seconds, *rest)

    def _now(self) -> tuple[float, float, float, float, float]:
        large = self._large
        assert large.server.process is not None
        return (
            time.monotonic(),
            sum(cpu_seconds(worker.pid) for worker in large.workers if worker.poll() is None),
            cpu_seconds(large.server.process.pid),
            large.number(f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{DATABASE}'"),  # noqa: S608
            large.number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"),
        )


@contextlib.contextmanager
def running_fleet(server: PostgresServer, folder: Path, replicas: int, processes: int) -> Iterator[tuple[Large, Costs]]:
    """Yield a fleet, all of whose cores serve the first revision, and what its start took; end it afterwards."""
    server.create_database(DATABASE)
    create_schema(server, DATABASE)
    large = Large(server, folder, replicas)
    large.config.parent.mkdir()
    large.put("first")
    meter = Meter(large)
    try:
        large.start(processes)
        wait_for("everyone to follow", lambda: large.followed(1, replicas), seconds=300, every=0.2)
        wait_for("every row", lambda: large.number("SELECT count(*) FROM routeiq.replica") == replicas)
        yield large, meter.costs()
    finally:
        for worker in large.workers:
            worker.kill()
            worker.wait()


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="writes nothing")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    settings = {"fsync": "on", "full_page_writes": "on", "max_connections": str(2 * options.replicas + 50)}
    with (
        tempfile.TemporaryDirectory(prefix="routeiq-fleet-") as folder,
        running_postgres(settings=settings) as server,
        running_fleet(server, Path(folder), options.replicas, options.processes) as (large, started),
    ):
        lines = [
            f"| all started at once: to everyone serving | {started.seconds:.1f} s | the machine does it all |",
            (
                f"| all started at once: CPU of PostgreSQL | {started.server:.1f} s | "
                f"{1000 * started.server / options.replicas:.0f} ms a replica |"
            ),
        ]
        lines += [*idle(large, options.seconds), *publishes(large, 5 if options.quick else 20), *succession(large)]
    host = machine()
    text = (
        "# A large fleet\n\n"
        f"Written by `python -m bench.fleet` on {dt.datetime.now(dt.UTC).date().isoformat()}; "
        "`docs/high-availability.md` says how to read it.\n\n"
        f"{options.replicas} replicas in {options.processes} processes beside their server. {host.cpu}, {host.cores} "
        f"cores, {host.memory_gib} GiB; Python {platform.python_version()}; PostgreSQL 18 with fsync. Load average "
        f"before and after: {load:.2f}, {os.getloadavg()[0]:.2f}.\n\n| what | figure | how |\n|---|---:|---|\n"
    ) + "\n".join(lines)
    print(text)
    if not options.quick:
        RESULTS.write_text(text + "\n")
    return 0


def idle(large: Large, seconds: float) -> list[str]:
    """Watch a fleet that has nothing to do."""
    time.sleep(60)  # PostgreSQL adds a connection's counters up when it is used again, every 30 s at the latest
    meter = Meter(large)
    time.sleep(seconds)
    found, many = meter.costs(), large.replicas
    connections = large.number(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}'") - 1  # noqa: S608
    each = found.seconds * many
    return [
        f"| idle: connections | {connections:.0f} | {connections / many:.2f} a replica |",
        (
            f"| idle: transactions a second | {found.transactions / found.seconds:.1f} | "
            f"{found.transactions / each:.3f} a replica, over {found.seconds:.0f} s |"
        ),
        f"| idle: WAL | {found.wal / found.seconds / 1024:.1f} KiB/s | {found.wal / each:.1f} B/s a replica |",
        (
            f"| idle: CPU of PostgreSQL | {100 * found.server / found.seconds:.1f} % of a core | "
            f"{1e6 * found.server / each:.0f} µs/s a replica, {1e6 * found.server / found.transactions:.0f} µs a "
            "transaction |"
        ),
        (
            f"| idle: CPU of the cores | {100 * found.client / found.seconds:.1f} % of a core | "
            f"{100 * found.client / each:.3f} % a replica |"
        ),
    ]


def publishes(large: Large, rounds: int) -> list[str]:
    """Change the configuration ``rounds`` times."""
    last, median, costs = [], [], []
    first = int(large.number("SELECT max(number) FROM routeiq.revision")) + 1
    for number in range(first, first + rounds):
        meter = Meter(large)
        large.put(f"change-{number}")
        wait_for(
            f"revision {number} everywhere",
            lambda number=number: large.followed(number, large.replicas),  # type: ignore[misc]  # as any lambda
            seconds=60,
        )
        time.sleep(1.5)  # the rows that tell it
        costs.append(meter.costs())
        at = large.number(f"SELECT extract(epoch FROM created_at) FROM routeiq.revision WHERE number = {number}")  # noqa: S608
        times = [when - at for when in large.done[number].values()]
        last.append(max(times))
        median.append(statistics.median(times))
    spent = {
        name: statistics.median(getattr(one, name) for one in costs)
        for name in ("transactions", "wal", "server", "client")
    }
    return [
        (
            f"| publish to the last materialise, p50 | {statistics.median(last):.2f} s | {rounds} rounds, from the "
            "publishing transaction |"
        ),
        f"| publish to the last materialise, the worst | {max(last):.2f} s | |",
        f"| publish to the median replica, p50 | {statistics.median(median):.2f} s | |",
        (
            f"| a publish: transactions | {spent['transactions']:.0f} | "
            f"{spent['transactions'] / large.replicas:.2f} a replica |"
        ),
        f"| a publish: WAL | {spent['wal'] / 1024:.0f} KiB | {spent['wal'] / large.replicas:.0f} B a replica |",
        (
            f"| a publish: CPU of PostgreSQL | {spent['server']:.2f} s | "
            f"{1000 * spent['server'] / large.replicas:.1f} ms a replica |"
        ),
        (
            f"| a publish: CPU of the cores | {spent['client']:.2f} s | "
            f"{1000 * spent['client'] / large.replicas:.1f} ms a replica |"
        ),
    ]


def succession(large: Large) -> list[str]:
    """Stop the holder, five times, among all its candidates."""
    found, costs = [], []
    for _ in range(5):
        epoch, holder = large.ask("SELECT epoch, holder_id FROM routeiq.lease")[0].split("|")
        meter, began = Meter(large), time.time()
        large.stop_core(int(holder.removeprefix("core").partition("-")[0]))
        query = f"SELECT extract(epoch FROM acquired_at) FROM routeiq.lease WHERE epoch > {epoch}"  # noqa: S608
        rows = wait_for("the next holder", lambda query=query: large.ask(query), every=0.2)  # type: ignore[misc]
        time.sleep(1)
        found.append(float(rows[0]) - began)
        costs.append(meter.costs())
    transactions = statistics.median(one.transactions for one in costs)
    wal = statistics.median(one.wal for one in costs)
    return [
        (
            f"| clean hand-over, p50 | {1000 * statistics.median(found):.0f} ms | 5 rounds, the worst "
            f"{1000 * max(found):.0f} ms; {transactions:.0f} transactions and {wal / 1024:.0f} KiB of WAL |"
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
