"""Polling: turns that ask the source, by the clock, when its files change, and when somebody asks."""

from typing import Protocol

from routeiq_syncd.revision.fetched import Failed, Fetch
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Turn
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.liveness import Liveness
from routeiq_syncd.runtime.pace import delay, spread
from routeiq_syncd.runtime.turnstile import Turnstile
from routeiq_syncd.runtime.waiting import Asked
from routeiq_syncd.status.recorder import Recorder

FETCH_SECONDS = 60.0
WRITE_SECONDS = 120.0


class Work(Protocol):
    """The two halves of a turn: `Reconciler` in single mode, `Publishing` where a lease is held."""

    @property
    def location(self) -> str:
        """Where the source is, for people."""

    def fetch(self) -> Fetch:
        """Ask the source; blocks, and may be abandoned."""

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for."""

    def current(self) -> Manifest | None:
        """Return what the volume holds."""


class Poller(Turnstile):
    """Takes turns of fetching and applying.

    Args:
        asked: the call of the source that is under way, if any; pollers of one source share it, so that a source that
            hangs, in a name look-up for instance, is not asked a second time meanwhile.
        interval: seconds between turns while the source can be read.
    """

    def __init__(
        self, work: Work, recorder: Recorder, liveness: Liveness, asked: Asked[Fetch], *, interval: float, now: Now
    ) -> None:
        super().__init__()
        self._work = work
        self._recorder = recorder
        self._liveness = liveness
        self._asked = asked
        self._interval = interval
        self._now = now
        self._failures = 0

    async def turn(self, *, awaited: bool) -> float:  # noqa: ARG002 - a poll is the same for everybody
        """Fetch and apply once; return the seconds until the next turn."""
        began = stamp(self._now())
        self._liveness.report("poll", within=FETCH_SECONDS)
        fetch = await self._asked.ask(self._work.fetch, FETCH_SECONDS)
        if fetch is None:
            fetch = Failed(f"{self._work.location} has not answered for {FETCH_SECONDS:g} s; waiting on.")
        self._liveness.report("poll", within=WRITE_SECONDS)
        turn = await self._work.apply(fetch)
        self._recorder.turned(turn, began, self._work.current())
        self._failures = 0 if turn.read else self._failures + 1
        seconds = delay(self._interval, self._failures, spread(-1, 1))
        self._liveness.report("poll", within=seconds)
        return seconds
