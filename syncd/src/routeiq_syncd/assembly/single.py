"""Single mode put together: one syncd decides alone for its volume."""

from collections.abc import Awaitable

from routeiq_syncd.assembly.parts import Parts
from routeiq_syncd.control.server import NO_QUESTIONS
from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.revision.fetched import Fetch
from routeiq_syncd.runtime.waiting import Asked
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import Snapshot


class Single:
    """Single mode.

    Attributes:
        recorder: what is known.
        questions: none, since there is no database to ask.
        turn_now: polls the source, and returns when that has ended.
    """

    questions = NO_QUESTIONS

    def __init__(self, parts: Parts) -> None:
        self.recorder = Recorder(parts.snapshot(Snapshot), parts.log, parts.now)
        self._parts = parts
        interval, asked = parts.settings.interval, Asked[Fetch]()
        work = parts.reconciler()
        self._poller = Poller(work, self.recorder, parts.liveness, asked, interval=interval, now=parts.now)
        self.turn_now = self._poller.turn_now

    def loops(self) -> list[Awaitable[None]]:
        """Make the loops that single mode adds to the common ones."""
        return [self._poller.run(), *self._parts.watches(self._poller.nudge)]
