"""Workers that count, without LiteLLM: forked processes with the real prometheus_client on a place of their own."""

import ctypes
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector
from structlog.testing import CapturingLogger

from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.litellm_edge.metrics.sharing import Sharing

PR_SET_PDEATHSIG = 1


@dataclass
class Counting:
    """A worker's metrics, made after its place was taken."""

    log: CapturingLogger

    def __post_init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter("requests", "Requests.", ["model"], registry=registry)
        self.seconds = Histogram("seconds", "Durations.", registry=registry)
        self.state = Gauge("state", "State.", ["model"], registry=registry)
        self.busy = Gauge("busy", "Requests in flight.", registry=registry, multiprocess_mode="livesum")

    def count(self, model: str) -> None:
        """Count one request."""
        self.requests.labels(model).inc()
        self.seconds.observe(0.5)
        self.state.labels(model).set(1)
        self.busy.set(1)


def start(places: Places, work: Callable[[Counting], object]) -> tuple[int, int]:
    """Fork a worker that takes a place, does ``work`` and lives until it is killed.

    Returns:
        Its pid, and a descriptor that has one byte once the work is done, and none if it failed.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        # A test that fails leaves no worker behind: it ends with the process that runs the tests.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        captured = CapturingLogger()
        Sharing(places, structlog.wrap_logger(captured, processors=[])).begin(places.directory.parent)
        work(Counting(captured))
        os.write(writing, b"+")
        signal.pause()
    finally:
        os._exit(1)


def done(descriptor: int) -> None:
    """Wait until a worker's work is done."""
    assert os.read(descriptor, 1) == b"+", "the worker failed"
    os.close(descriptor)


def kill(pid: int) -> int:
    """Kill a worker with SIGKILL, and reap it; return the signal that ended it."""
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def scrape(directory: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return every sample by name and labels, as prometheus_client's own collector sums them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in MultiProcessCollector(None, path=str(directory)).collect()
        for sample in metric.samples
    }
