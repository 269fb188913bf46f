"""The table of results."""

import datetime as dt
import itertools
import math
import platform
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TypeVar

from bench.processes import machine
from bench.scenarios import Change, Launch, Throughput
from bench.shapes import SHAPES

Round = tuple[Throughput, Throughput]
Groups = Sequence[Sequence[Round]]
"""The rounds after each start of both sides."""
Pair = TypeVar("Pair")
RESAMPLES = 500
HEAD = "| Measure | {a} | {b} | {b} / {a} | between | target | |\n|---|---:|---:|---:|---|---|---|\n"


@dataclass(frozen=True)
class Target:
    """A bound on the ratio, or on our own figure where ``absolute``."""

    bound: float
    least: bool = False
    absolute: bool = False

    def text(self) -> str:
        """Return the bound as the table shows it."""
        return f"{'≥' if self.least else '≤'} {self.bound:g}{'' if self.absolute else 'x'}"

    def met(self, ratio: float, ours: float) -> bool:
        """Whether the figures keep to the bound."""
        value = ours if self.absolute else ratio
        return value >= self.bound if self.least else value <= self.bound


def line(
    name: str, sides: tuple[float, float], found: tuple[float, str], target: Target | None, digits: int = 1
) -> str:
    """Return one line of the table: both sides, the ratio, and between what it lies."""
    ratio, between = found
    bound, verdict = "", ""
    if target is not None:
        bound, verdict = target.text(), "met" if target.met(ratio, sides[1]) else "**missed**"
    shown = "" if math.isnan(ratio) else f"{ratio:.2f}"
    return f"| {name} | {sides[0]:.{digits}f} | {sides[1]:.{digits}f} | {shown} | {between} | {bound} | {verdict} |\n"


def row(
    name: str, pairs: Sequence[tuple[float, float]], target: Target | None = None, digits: int = 1, between: str = ""
) -> str:
    """Return the line of some rounds: medians of both sides, the median of their ratios, and between what it lies.

    Where that is not given, it is the extremes of the rounds.
    """
    sides = statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
    ratios = [b / a for a, b in pairs if a]
    if not ratios:
        return line(name, sides, (math.nan, ""), target, digits)
    found = between or f"{min(ratios):.2f} to {max(ratios):.2f}"
    return line(name, sides, (statistics.median(ratios), found), target, digits)


def many_row(
    name: str,
    groups: Groups,
    figure: Callable[[Throughput], float],
    target: Target | None = None,
    digits: int = 1,
) -> str:
    """Return the line of one figure of many rounds, with an interval."""
    figures = [[(figure(a), figure(b)) for a, b in group] for group in groups]
    return row(name, list(itertools.chain(*figures)), target, digits, interval(figures, paired))


def paired(rounds: Sequence[tuple[float, float]]) -> float:
    """Return the median of the rounds' ratios, which a disturbance of one round does not move."""
    return statistics.median(b / a for a, b in rounds)


def quantile(times: Sequence[Sequence[float]], share: float) -> float:
    """Return the ``share`` quantile of all the rounds' requests together."""
    ordered = sorted(itertools.chain.from_iterable(times))
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def interval(groups: Sequence[Sequence[Pair]], ratio: Callable[[Sequence[Pair]], float]) -> str:
    """Return the middle 95 % of ``ratio`` over resampled starts, and rounds of each.

    The percentile bootstrap in two stages (Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8):
    the rounds after one start are more alike than those after another.
    """
    chance = random.Random(1)  # noqa: S311 - draws samples, guards nothing
    found = []
    for _ in range(RESAMPLES):
        drawn = chance.choices(groups, k=len(groups))
        found.append(ratio([pair for group in drawn for pair in chance.choices(group, k=len(group))]))
    found.sort()
    return f"{found[int(0.025 * RESAMPLES)]:.2f} to {found[int(0.975 * RESAMPLES)]:.2f}"


def latency_row(name: str, groups: Groups, share: float, target: Target | None = None) -> str:
    """Return the line of a quantile over the requests of all rounds, and the interval of the ratio."""

    def ratio(some: Sequence[Round]) -> float:
        return quantile([b.times for _, b in some], share) / quantile([a.times for a, _ in some], share)

    rounds = list(itertools.chain(*groups))
    sides = quantile([a.times for a, _ in rounds], share), quantile([b.times for _, b in rounds], share)
    return line(name, sides, (ratio(rounds), interval(groups, ratio)), target)


def first_row(name: str, groups: Groups, target: Target | None) -> str:
    """Return the line of the median time to an answer's first piece."""

    def ratio(some: Sequence[Round]) -> float:
        return quantile([b.firsts for _, b in some], 0.5) / quantile([a.firsts for a, _ in some], 0.5)

    rounds = list(itertools.chain(*groups))
    sides = quantile([a.firsts for a, _ in rounds], 0.5), quantile([b.firsts for _, b in rounds], 0.5)
    return line(name, sides, (ratio(rounds), interval(groups, ratio)), target)


def throughput_rows(workers: int, results: Mapping[tuple[str, int], Groups]) -> str:
    """Return the lines of one number of workers."""
    text = ""
    for (shape, connections), groups in results.items():
        plural = "s" if connections > 1 else ""
        where = f"{workers} worker{'s' if workers > 1 else ''}, {connections} connection{plural}, {shape}"
        busy = connections == 16
        rate = Target(SHAPES[shape].rate, least=True) if busy else None
        tail = Target(0.8) if busy else None
        text += many_row(f"{where}: requests/s", groups, lambda side: side.rate, rate)
        if SHAPES[shape].stream:
            text += first_row(f"{where}: p50 ms to the first piece", groups, tail)
        text += latency_row(f"{where}: p50 ms", groups, 0.5)
        text += latency_row(f"{where}: p99 ms", groups, 0.99, tail)
        text += many_row(f"{where}: CPU s per 1000 requests", groups, lambda side: side.cpu, digits=2)
        lost = [(a.lost, b.lost) for group in groups for a, b in group]
        if any(a or b for a, b in lost):
            text += row(f"{where}: requests lost", lost, digits=0)
    return text


def launch_rows(workers: int, pairs: Sequence[tuple[tuple[Launch, Change], tuple[Launch, Change]]]) -> str:
    """Return the lines on starts, memory and changes of configuration."""
    where = f"{workers} worker{'s' if workers > 1 else ''}"
    starts = [(a[0], b[0]) for a, b in pairs]
    changes = [(a[1], b[1]) for a, b in pairs]
    ready = Target(1.0)
    text = row(f"{where}: start to ready, s", [(a.ready, b.ready) for a, b in starts], ready, 2)
    text += row(f"{where}: start to first completion, s", [(a.first, b.first) for a, b in starts], ready, 2)
    memory = Target(0.75) if workers == 2 else None
    text += row(f"{where}: PSS of the tree, MiB", [(a.pss, b.pss) for a, b in starts], memory, 0)
    text += row(f"{where}: change to first new answer, s", [(a.first, b.first) for a, b in changes], digits=2)
    whole = [(max(a.first, a.whole), max(b.first, b.whole)) for a, b in changes]
    text += row(f"{where}: change complete, s", whole, Target(2.0, absolute=True) if workers == 2 else None, 2)
    # A median would hide one lost request in one round: the worst round counts.
    worst = max(b.lost for _, b in changes)
    lost = [(max(a.lost for a, _ in changes), worst)]
    text += row(f"{where}: requests lost in the change, worst round", lost, Target(0, absolute=True), 0)
    return text


def heading(a: str, b: str, note: str) -> str:
    """Return what stands above the table."""
    host = machine()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("litellm", "uvicorn", "uvloop"))
    return (
        "# Results of the benchmark\n\n"
        f"Written by `make bench` on {today}; `docs/performance.md` says how to read it.\n\n"
        f"{host.cpu}, {host.cores} cores, {host.memory_gib} GiB; Python {platform.python_version()}; {versions}.\n"
        f"{note}\n\n" + HEAD.format(a=a, b=b)
    )
