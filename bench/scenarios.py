"""What is measured, on either side in turn."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.load import Sample
from bench.shapes import SHAPES
from bench.sides import Contender, Side, environment, serving

ROOT = Path(__file__).resolve().parents[1]
WARM_REQUESTS_SECONDS = 3.0
LONGEST_LOAD = 120.0
BEFORE_CHANGE, AFTER_CHANGE = 2.0, 6.0


@dataclass(frozen=True)
class Throughput:
    """One stretch of load on one side."""

    rate: float
    times: tuple[float, ...]  # milliseconds, each answered request
    firsts: tuple[float, ...]  # milliseconds to the first byte of the body, each answered request
    cpu: float  # seconds per 1000 requests, of the whole tree
    lost: int


@dataclass(frozen=True)
class Launch:
    """One start of one side, and what it holds in memory after the same requests."""

    ready: float  # seconds from the start to LiteLLM's readiness route
    first: float  # seconds from the start to the first completion
    pss: float


@dataclass(frozen=True)
class Change:
    """One change of configuration under load."""

    first: float  # seconds until the first answer by the new configuration
    whole: float  # seconds until the last answer by the old one
    lost: int
    answered: int


def load_command(side: Side, connections: int, seconds: float, shape: str) -> list[str]:
    """Return the load generator's command line."""
    numbers = (str(side.port), str(connections), f"{seconds:g}")
    return [sys.executable, "-m", "bench.load", *numbers, shape]


@contextmanager
def loading(side: Side, connections: int, seconds: float, shape: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the load generator, and end it with the block."""
    with subprocess.Popen(
        load_command(side, connections, seconds, shape),
        cwd=ROOT,
        env=environment({}),
        stdout=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def samples_of(process: subprocess.Popen[bytes]) -> list[Sample]:
    """Wait for the load generator's end and return what it measured."""
    output, _ = process.communicate(timeout=LONGEST_LOAD)
    return [tuple(sample) for sample in json.loads(output)]


def stretch(side: Side, connections: int, seconds: float, shape: str) -> Throughput:
    """Load one side for a while.

    Raises:
        RuntimeError: no request was answered.
    """
    before = processes.cpu_seconds(side.pid)
    with loading(side, connections, seconds, shape) as process:
        samples = samples_of(process)
    cpu = processes.cpu_seconds(side.pid) - before
    times = tuple(1000 * took for _, took, marker, _ in samples if marker is not None)
    firsts = tuple(1000 * first for _, _, marker, first in samples if marker is not None)
    span = max(ended for ended, _, _, _ in samples) - min(ended - took for ended, took, _, _ in samples)
    if not times:
        raise RuntimeError(f"{side.contender.name} answered none of {len(samples)} requests: {shape}")
    return Throughput(len(times) / span, times, firsts, 1000 * cpu / len(times), len(samples) - len(times))


def throughput(
    pair: tuple[Contender, Contender],
    workers: int,
    upstream: int,
    cells: list[tuple[str, int]],
    *,
    launches: int,
    rounds: int,
    seconds: float,
) -> dict[tuple[str, int], list[list[tuple[Throughput, Throughput]]]]:
    """Load both sides in turn for each (shape, connections), ``rounds`` times after each of ``launches`` starts."""
    results: dict[tuple[str, int], list[list[tuple[Throughput, Throughput]]]] = {cell: [] for cell in cells}
    for _ in range(launches):
        with ExitStack() as stack:
            sides = started(stack, pair, workers, upstream, {shape for shape, _ in cells})
            found: dict[tuple[str, int], list[tuple[Throughput, Throughput]]] = {cell: [] for cell in cells}
            for number in range(rounds):
                for shape, connections in cells:
                    measured: dict[int, Throughput] = {}
                    for index in (0, 1) if number % 2 == 0 else (1, 0):
                        measured[index] = stretch(sides[index], connections, seconds * SHAPES[shape].patience, shape)
                    found[shape, connections].append((measured[0], measured[1]))
        for cell in cells:
            results[cell].append(found[cell])
    return results


def started(
    stack: ExitStack, pair: tuple[Contender, Contender], workers: int, upstream: int, shapes: Collection[str]
) -> list[Side]:
    """Start both sides side by side, and warm them with requests of ``shapes``."""
    sides: list[Side] = []
    for contender in pair:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides.append(stack.enter_context(serving(Side(contender, workers, directory, upstream))))
    for side in sides:
        side.wait_ready()
        for shape in shapes:
            stretch(side, 16, WARM_REQUESTS_SECONDS, shape)
    return sides


def launch(contender: Contender, workers: int, upstream: int, *, settle: float) -> tuple[Launch, Change]:
    """Start one side alone, give it requests, look at its memory, then change its configuration under load."""
    with tempfile.TemporaryDirectory() as directory:
        side = Side(contender, workers, Path(directory), upstream)
        started = time.monotonic()
        with serving(side):
            ready, first = side.wait_ready()
            stretch(side, 16, settle, "priced")
            measured = Launch(ready - started, first - started, processes.pss_mib(side.pid))
            return measured, change(side)


def change(side: Side) -> Change:
    """Change the configuration while 16 connections ask. Ours takes it up; stock is stopped and started again.

    Raises:
        RuntimeError: a process ended early, or something it needs is missing.
    """
    with loading(side, 16, LONGEST_LOAD, "priced") as process:
        time.sleep(BEFORE_CHANGE)
        begun = time.monotonic()
        side.configure("two")
        if side.contender.name == "stock":
            side.stop()
            side.start()
            side.wait_ready()
        time.sleep(AFTER_CHANGE)
        os.kill(process.pid, signal.SIGTERM)
        samples = samples_of(process)
    new = [ended for ended, _, marker, _ in samples if marker == "two"]
    old = [ended for ended, _, marker, _ in samples if marker == "one"]
    if not new:
        raise RuntimeError(f"{side.contender.name} did not take the change in {AFTER_CHANGE:g} s")
    lost = sum(marker is None for _, _, marker, _ in samples)
    return Change(min(new) - begun, max(0.0, max(old) - begun), lost, len(new) + len(old))


@contextmanager
def upstream() -> Iterator[int]:
    """Run the upstream; yield its port."""
    port = processes.free_port()
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "bench.upstream", str(port)]
        with processes.running(command, environment({"PYTHONPATH": str(ROOT)}), Path(directory)):
            processes.wait_for_port(port)
            yield port
