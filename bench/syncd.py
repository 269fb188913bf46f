"""The figures of syncd: ``python -m bench.syncd [--quick]``.

Writes ``bench/RESULTS-syncd.md`` and exits 1 when a target is missed; ``--quick`` takes a short look, writes nothing
and judges all the same. `bench.syncd_runs` says how each figure is taken.
"""

import argparse
import datetime as dt
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from bench import syncd_runs as runs
from bench.processes import machine
from tests.support.fleet import Fleet, fleet
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.s3 import Server, moto

RESULTS = Path(__file__).with_name("RESULTS-syncd.md")
DURABLE = {"fsync": "on", "full_page_writes": "on", "max_connections": "60", **runs.LOGGED}
DEFAULTS = {
    "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": "30",
    "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": "10",
    "CONFIG_SYNC_INTERVAL": "5",
}
MOST_RSS = 61  # MiB, which are 64 MB
LEASE, LOOK = 4.0, 3.0  # a short lease, and the longest that a candidate lets pass between two looks, without jitter


@dataclass
class Table:
    """The lines so far, and the targets that were missed."""

    lines: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def add(self, what: str, figure: float, unit: str, target: float | None = None, note: str = "") -> None:
        """Add one figure, judged where there is a target (at most); print it."""
        verdict = "" if target is None else "met" if figure <= target else "**missed**"
        if verdict == "**missed**":
            self.missed.append(what)
        bound = "" if target is None else f"≤ {target:g}"
        self.lines.append(f"| {what} | {figure:.3g} {unit} | {bound} | {verdict} | {note} |")
        print(self.lines[-1], flush=True)


@dataclass(frozen=True)
class Bench:
    """Where the fleets run, and how long to look."""

    folder: Path
    server: PostgresServer
    s3: Server
    quick: bool

    def fleet(self, stack: ExitStack, name: str, **settings: str) -> Fleet:
        """Make a fleet of nobody, on the defaults."""
        folder = self.folder / name
        folder.mkdir()
        return stack.enter_context(fleet(folder, self.server, self.s3, name, {**DEFAULTS, **settings}))

    def times(self, full: int) -> int:
        """How often to do what is done ``full`` times for the record."""
        return max(2, full // 10) if self.quick else full


def delivery(bench: Bench, table: Table) -> None:
    """Publish to five volumes."""
    rounds = bench.times(200)
    with ExitStack() as stack:
        five = bench.fleet(stack, "spread")
        runs.ready(five, "first", 5)
        committed, uploaded = runs.spread(five, rounds)
    note = f"{rounds} rounds, from `created_at`, written just before the commit, to the last replica's log line"
    table.add("publish to the last of 5 volumes, p50", 1000 * statistics.median(committed), "ms", 100, note)
    table.add("publish to the last of 5 volumes, p99", 1000 * percentile(committed, 99), "ms", 500, "the same")
    note = "the poll comes at once, by `POST /poll`; left alone it comes within `CONFIG_SYNC_INTERVAL`"
    table.add("upload to S3 to the last of 5 volumes, p50", 1000 * statistics.median(uploaded), "ms", None, note)


def successions(bench: Bench, table: Table) -> None:
    """End the holder: cleanly, by SIGKILL, and by SIGKILL behind PgBouncer."""
    rounds = bench.times(20)
    with ExitStack() as stack:
        three = bench.fleet(stack, "succession")
        runs.ready(three, "first", 3)
        clean = runs.take_overs(three, rounds, clean=True)
        crash = runs.take_overs(three, rounds, clean=False)
    note = f"{rounds} rounds of 3 replicas, from SIGTERM to the next acquisition"
    table.add("clean hand-over, the worst", 1000 * max(clean), "ms", 250, note)
    table.add("clean hand-over, p50", 1000 * statistics.median(clean), "ms")
    note = f"{rounds} rounds of 3 replicas, lease 30 s, from SIGKILL to the next acquisition"
    table.add("crash take-over, direct, p50", statistics.median(crash), "s", 2, note)
    table.add("crash take-over, direct, the worst", max(crash), "s")
    with ExitStack() as stack:
        port = stack.enter_context(running_pgbouncer(bench.server))
        lease = {"LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": "4", "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": "1"}
        url = bench.server.url("pooled").replace(f":{bench.server.port}/", f":{port}/")
        pooled = bench.fleet(stack, "pooled", DATABASE_URL=url, **lease)
        runs.ready(pooled, "first", 3, delivery="poll")
        found = runs.take_overs(pooled, bench.times(10), clean=False, delivery="poll")
    note = f"{len(found)} rounds through PgBouncer in transaction mode; the target is lease ({LEASE:g} s) + {LOOK:g} s"
    table.add("crash take-over, pooled, the worst", max(found), "s", LEASE + LOOK, note)


def footprints(bench: Bench, table: Table) -> None:
    """Leave a holder and a follower alone."""
    seconds = 15.0 if bench.quick else 60.0
    for kind, settings in {"": {}, " with ROUTEIQ_CONFIG_KEY": {"ROUTEIQ_CONFIG_KEY": "A" * 43 + "="}}.items():
        with ExitStack() as stack:
            two = bench.fleet(stack, f"idle{len(settings)}", **settings)
            holder = runs.ready(two, "first", 2)
            pids = [two.processes[index].pid for index in (holder, 1 - holder)]
            for role, found in zip(("holder", "follower"), runs.idle(bench.server, pids, seconds), strict=True):
                note = f"PSS {found.pss:.1f} MiB"
                # The target is for syncd on its defaults; what sealing costs is measured and has no target.
                table.add(f"idle {role}{kind}: RSS", found.rss, "MiB", None if kind else MOST_RSS, note)
                if not kind:
                    note = f"over {seconds:g} s"
                    table.add(f"idle {role}: share of a core", 100 * found.cpu, "%", 0.5, note)
                    table.add(f"idle {role}: statements a second", found.statements, "", 0.5, note)


def pooling(bench: Bench, table: Table) -> None:
    """Leave two replicas behind PgBouncer alone."""
    seconds = 15.0 if bench.quick else 60.0
    with ExitStack() as stack:
        port = stack.enter_context(running_pgbouncer(bench.server))
        url = bench.server.url("quiet").replace(f":{bench.server.port}/", f":{port}/")
        two = bench.fleet(stack, "quiet", DATABASE_URL=url)
        runs.ready(two, "first", 2, delivery="poll")
        asked, every = runs.pooled(bench.server, 2, seconds)
    note = f"over {seconds:g} s, two replicas; with BEGIN, COMMIT and PgBouncer's SET around each: {every:.2f}"
    table.add("idle, through PgBouncer: questions a second", asked, "", 0.5, note)


def steadiness(bench: Bench, table: Table) -> None:
    """Let a holder poll its source, and a follower look, ten thousand times, after as many to warm up."""
    polls = bench.times(20_000)
    with ExitStack() as stack:
        two = bench.fleet(stack, "steady", CONFIG_SYNC_INTERVAL="0.005")
        holder = runs.ready(two, "first", 2)
        samples = runs.growth(two.processes[holder].pid, two.requests, polls)
        looks = runs.look(two.syncds[1 - holder], two.processes[1 - holder].pid, polls)
    for role, what, found in (("holder", "polls", samples), ("follower", "looks", looks)):
        first, last = found[len(found) // 2 - 1], found[-1]
        note = f"{first[1]:.1f} MiB after {first[0]} {what}, {last[1]:.1f} MiB after {last[0]}"
        table.add(f"{role}: growth of RSS over {last[0] - first[0]} {what}", last[1] - first[1], "MiB", 1, note)


def percentile(values: Sequence[float], rank: int) -> float:
    """Return the value that ``rank`` percent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-len(ordered) * rank // 100) - 1)]


def heading(load: str) -> str:
    """Return what stands above the tables."""
    host = machine()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("asyncpg", "boto3", "uvicorn", "structlog"))
    return (
        "# Figures of syncd\n\n"
        f"Written by `python -m bench.syncd` on {dt.datetime.now(dt.UTC).date().isoformat()}; "
        "`docs/performance.md` says how to read it.\n\n"
        f"{host.cpu}, {host.cores} cores, {host.memory_gib} GiB; Python {platform.python_version()}; {versions}; "
        "PostgreSQL 18 with fsync.\n"
        f"Load average of the machine before and after: {load}.\n\n"
        "| Measure | figure | target | | how |\n|---|---:|---|---|---|\n"
    )


def main() -> int:
    """Measure, print, write, and compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short look; writes nothing")
    quick = parser.parse_args().quick
    before = os.getloadavg()[0]
    table = Table()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routeiq-bench-")))
        server = stack.enter_context(running_postgres(settings=DURABLE))
        bench = Bench(folder, server, stack.enter_context(moto(folder)), quick)
        for measure in (footprints, pooling, delivery, successions, steadiness):
            measure(bench, table)
    costs = "\n## What each import costs\n\n| what is added | MiB | ms |\n|---|---:|---:|\n"
    for label, megabytes, seconds in runs.import_costs(3 if quick else 9):
        costs += f"| {label} | {megabytes:.1f} | {1000 * seconds:.0f} |\n"
    print(costs)
    if not quick:
        text = heading(f"{before:.2f}, {os.getloadavg()[0]:.2f}") + "\n".join(table.lines) + "\n" + costs
        RESULTS.write_text(text)
    for target in table.missed:
        print(f"MISSED: {target}")
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
