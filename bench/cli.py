"""The command line: what to compare, how often, and where the table goes."""

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from bench import report, scenarios
from bench.shapes import SHAPES
from bench.sides import Contender

RESULTS = Path(__file__).with_name("RESULTS.md")
CELLS = [*((shape, 16) for shape in SHAPES), ("priced", 1), ("unpriced", 1), ("stream", 1)]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        starts: how often both sides are started anew for the loads; processes of one build differ in their speed.
        rounds: stretches of each load after each of these starts.
        launches: starts of each side alone.
    """

    starts: int
    rounds: int
    seconds: float
    launches: int
    settle: float


FULL = Effort(starts=6, rounds=6, seconds=0.8, launches=2, settle=6)
QUICK = Effort(starts=1, rounds=4, seconds=0.8, launches=1, settle=3)


def main() -> int:
    """Measure, print the table as it grows, and write it."""
    parser = argparse.ArgumentParser(description="Measure the gateway against stock LiteLLM.")
    parser.add_argument("--quick", action="store_true", help="few and short rounds; writes nothing")
    parser.add_argument(
        "--against",
        metavar="NAME=VALUE",
        action="append",
        help="compare ours with ours under these variables instead of stock with ours; writes nothing",
    )
    parser.add_argument("--workers", type=int, action="append", help="1 and 2 where not given; writes nothing")
    parser.add_argument("--starts", type=int, help="starts of both sides for the loads")
    parser.add_argument("--shape", choices=SHAPES, action="append", help="this request alone; writes nothing")
    parser.add_argument("--connections", type=int, help="that many alone; writes nothing")
    parser.add_argument("--only", choices=("load", "launch"), help="one half of it; writes nothing")
    options = parser.parse_args()
    effort = QUICK if options.quick else FULL
    if options.starts:
        effort = replace(effort, starts=options.starts)
    pair = (Contender("stock"), Contender("ours"))
    names = ("stock", "ours")
    if options.against:
        pair = (Contender("ours"), Contender("ours", dict(text.split("=", 1) for text in options.against)))
        names = ("ours", "ours, changed")
    before = os.getloadavg()[0]
    cells = [
        (shape, connections)
        for shape, connections in CELLS
        if shape in (options.shape or SHAPES) and options.connections in (None, connections)
    ]
    rows = ""
    with scenarios.upstream() as upstream:
        for workers in options.workers or (1, 2):
            if options.only != "launch":
                rows += load(pair, workers, upstream, effort, cells)
            if options.only == "launch" or (options.only is None and workers > 1):
                rows += launches(pair, workers, upstream, effort)
    note = (
        f"{effort.starts} starts with {effort.rounds} rounds of {effort.seconds:g} s each for each load; for the rest"
        f" {effort.launches} starts a side;"
        f" load average of the machine before the run: {before:.2f}."
    )
    if not (options.quick or options.against or options.workers or options.only or len(cells) < len(CELLS)):
        RESULTS.write_text(report.heading(*names, note) + rows)
    return 0


def load(
    pair: tuple[Contender, Contender], workers: int, upstream: int, effort: Effort, cells: list[tuple[str, int]]
) -> str:
    """Measure the loads of one number of workers."""
    results = scenarios.throughput(
        pair, workers, upstream, cells, launches=effort.starts, rounds=effort.rounds, seconds=effort.seconds
    )
    return shown(report.throughput_rows(workers, results))


def launches(pair: tuple[Contender, Contender], workers: int, upstream: int, effort: Effort) -> str:
    """Measure starts, memory and changes of configuration, one side alone at a time, A B B A."""
    pairs = []
    for number in range(effort.launches):
        order = pair if number % 2 == 0 else pair[::-1]
        measured = [scenarios.launch(contender, workers, upstream, settle=effort.settle) for contender in order]
        pairs.append((measured[0], measured[1]) if number % 2 == 0 else (measured[1], measured[0]))
    return shown(report.launch_rows(workers, pairs))


def shown(rows: str) -> str:
    """Print the rows as they come."""
    sys.stdout.write(rows)
    sys.stdout.flush()
    return rows
