"""Pollers that follow each other on one source, as an election's terms do."""

import asyncio
import contextlib
import queue
from collections.abc import Callable
from datetime import UTC, datetime

from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.revision.fetched import Fetch, Unchanged
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Turn
from routeiq_syncd.runtime.liveness import Liveness
from routeiq_syncd.runtime.logs import build_log
from routeiq_syncd.runtime.waiting import Asked
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import Snapshot

AT = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT = 10


class Slow:
    """Work of which each fetch waits to be let go, and says by which of the works it was asked."""

    location = "the source"

    def __init__(self, name: str, asked: list[str], gate: queue.Queue[None], applied: list[str]) -> None:
        self._name, self._asked, self._gate, self._applied = name, asked, gate, applied

    def fetch(self) -> Fetch:
        """Wait."""
        self._asked.append(self._name)
        self._gate.get(timeout=LIMIT)
        return Unchanged()

    async def apply(self, fetch: Fetch) -> Turn:  # noqa: ARG002 - nothing to carry out
        """Take note."""
        self._applied.append(self._name)
        return Turn("unchanged")

    def current(self) -> Manifest | None:
        """Nothing."""
        return None


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - a thread makes it so, which sets no event of a loop
            await asyncio.sleep(0.005)


def test_a_fetch_that_hangs_is_not_asked_again_by_the_next_poller() -> None:
    """The next poller waits for what its predecessor asked, does not use it, and then asks for itself."""
    asyncio.run(_follow_each_other())


async def _follow_each_other() -> None:
    asked: list[str] = []
    applied: list[str] = []
    gate: queue.Queue[None] = queue.Queue()
    recorder = Recorder(
        Snapshot("holder", "file", "the source"), build_log("syncd", level="INFO", form="json"), lambda: AT
    )
    shared = Asked[Fetch]()
    running = []
    for name in ("first", "second", "third"):
        work = Slow(name, asked, gate, applied)
        poller = Poller(work, recorder, Liveness(), shared, interval=3600, now=lambda: AT)
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
