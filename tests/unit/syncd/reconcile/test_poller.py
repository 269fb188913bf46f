"""Pollers that follow each other on one source, as an election's terms do."""

import asyncio
import contextlib
import queue
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.reconcile.reconciler import Reconciler
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.fetched import Fetch, Unchanged
from routeiq_syncd.revision.manifest import Publisher
from routeiq_syncd.revision.outcome import Turn
from routeiq_syncd.runtime.logs import build_log
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.waiting import Asked
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import Snapshot
from routeiq_syncd.volume.opening import open_volume
from routeiq_syncd.volume.volume import Volume

AT = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 10


@dataclass
class Slow:
    """A source of which each fetch waits to be let go, and says by which of the pollers it was asked."""

    name: str
    asked: list[str]
    gate: queue.Queue[None]
    kind: str = "file"
    location: str = "the source"

    def fetch(self, known: str | None) -> Fetch:  # noqa: ARG002 - it never changes
        """Wait."""
        self.asked.append(self.name)
        self.gate.get(timeout=LIMIT)
        return Unchanged()


@dataclass(kw_only=True, eq=False)
class Noting(Reconciler):
    """Takes note of what is applied."""

    name: str
    applied: list[str]

    async def apply(self, fetch: Fetch) -> Turn:
        """Take note."""
        self.applied.append(self.name)
        return await super().apply(fetch)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - a thread makes it so, which sets no event of a loop
            await asyncio.sleep(0.005)


def test_a_fetch_that_hangs_is_not_asked_again_by_the_next_poller(tmp_path: Path) -> None:
    """The next poller waits for what its predecessor asked, does not use it, and then asks for itself."""
    with contextlib.closing(open_volume(tmp_path)) as volume:
        asyncio.run(_follow_each_other(volume))


async def _follow_each_other(volume: Volume) -> None:
    asked: list[str] = []
    applied: list[str] = []
    gate: queue.Queue[None] = queue.Queue()
    log, rules = build_log("syncd", level="INFO", form="json"), Rules(Bounds(), frozenset(), Publisher("holder"))
    recorder = Recorder(Snapshot("holder", "file", "the source"), log, lambda: AT)
    shared = Asked[Fetch]()
    running = []
    for name in ("first", "second", "third"):
        source = Slow(name, asked, gate)
        work = Noting(source=source, volume=volume, rules=rules, now=lambda: AT, name=name, applied=applied)
        poller = Poller(work, recorder, Liveness(), shared, interval=3600)
        running.append(asyncio.ensure_future(poller.run()))
        await until(lambda: asked == ["first"])
        await asyncio.sleep(0)  # so that a later one has looked at what is under way
        if name != "third":
            running[-1].cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running[-1]
    assert asked == ["first"]
    gate.put(None)
    await until(lambda: asked == ["first", "third"])
    assert applied == []
    gate.put(None)
    await until(lambda: applied == ["third"])
    running[-1].cancel()
