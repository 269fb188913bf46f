"""Single mode put together: one syncd decides alone for its volume."""

from collections.abc import Awaitable

from routeiq_syncd.assembly.parts import Parts
from routeiq_syncd.control.server import Questions
from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.runtime.turns.waiting import Asked
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import Snapshot


class Single:
    """Single mode: what is known, and no questions, since there is no database to ask."""

    def __init__(self, parts: Parts) -> None:
        self.recorder = Recorder(Snapshot(**parts.first_fields()), parts.log, parts.now)
        self.questions: Questions = {}
        self._parts = parts
        self._poller = Poller(parts.reconciler(), self.recorder, parts.liveness, Asked(), parts.settings.interval)
        self.turn_now = self._poller.turn_now

    def loops(self) -> list[Awaitable[None]]:
        """Make the loops that single mode adds to the common ones."""
        return [self._poller.run(), *self._parts.watches(self._poller.nudge)]
