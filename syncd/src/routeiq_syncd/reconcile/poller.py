"""Polling: turns that ask the source, by the clock, when its files change, and when somebody asks."""

from dataclasses import dataclass, field

from routeiq_syncd.reconcile.work import Work
from routeiq_syncd.revision.fetched import Failed, Fetch
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import delay, spread
from routeiq_syncd.runtime.turns.turnstile import Turnstile
from routeiq_syncd.runtime.turns.waiting import Asked, NoThreadError
from routeiq_syncd.status.recorder import Recorder

FETCH_SECONDS = 60.0
WRITE_SECONDS = 120.0


@dataclass(eq=False)
class Poller(Turnstile):
    """Takes turns of fetching and applying.

    Attributes:
        asked: the call of the source that is under way. Pollers of one source share it, so that a source that hangs, in
            a name look-up for instance, is not asked a second time meanwhile.
        interval: seconds between turns while the source can be read.
    """

    work: Work
    recorder: Recorder
    liveness: Liveness
    asked: Asked[Fetch]
    interval: float
    _failures: int = field(default=0, init=False)

    async def turn(self, *, awaited: bool) -> float:  # noqa: ARG002 - every poll does the same
        """Fetch and apply once; return the seconds until the next turn."""
        began = stamp(self.work.now())
        self.liveness.report("poll", within=FETCH_SECONDS)
        fetch = await self._fetch()
        self.liveness.report("poll", within=WRITE_SECONDS)
        turn = await self.work.apply(fetch)
        self.recorder.turned(turn, began, self.work.volume.current())
        self._failures = 0 if turn.read else self._failures + 1
        seconds = delay(self.interval, self._failures, spread(-1, 1))
        self.liveness.report("poll", within=seconds)
        return seconds

    async def _fetch(self) -> Fetch:
        place = self.work.source.location
        try:
            fetch = await self.asked.ask(self.work.fetch, FETCH_SECONDS)
        except NoThreadError as error:
            return Failed(f"{place} was not asked: {error.strerror}; it is tried again.")
        return fetch or Failed(f"{place} has not answered for {FETCH_SECONDS:g} s; waiting on.")
