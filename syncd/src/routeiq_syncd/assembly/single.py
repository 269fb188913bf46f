"""Single mode put together: one syncd decides alone for its volume."""

from collections.abc import Awaitable, Mapping
from functools import partial

from routeiq_syncd.assembly.parts import Parts
from routeiq_syncd.control.server import Questions, Reply
from routeiq_syncd.control.show_and_diff import commands, diff, show
from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.reconcile.requests import VolumeRequests
from routeiq_syncd.runtime.turns.waiting import Asked
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import Snapshot
from routeiq_syncd.volume.history import VolumeHistory


class Single:
    """Single mode: what is known, what can be asked of the volume's history, and the way back."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reconciler = parts.reconciler()
        first = Snapshot(**parts.first_fields(), standing=self._reconciler.standing())
        self.recorder = Recorder(first, parts.log, parts.now)
        self._poller = Poller(self._reconciler, self.recorder, parts.liveness, Asked(), parts.settings.interval)
        self.turn_now = self._poller.turn_now
        requests = VolumeRequests(self._reconciler, VolumeHistory(parts.volume.root), self._changed)
        self.questions: Questions = {
            "/history": partial(_revisions, requests),
            "/revision": partial(show, requests.content),
            "/diff": partial(diff, requests.content),
        }
        self.commands = commands(requests.carry_out)

    def loops(self) -> list[Awaitable[None]]:
        """Make the loops that single mode adds to the common ones."""
        return [self._poller.run(), *self._parts.watches(self._poller.nudge)]

    def _changed(self) -> None:
        """Show at once what a request changed, and look at the source by the new rules."""
        self.recorder.materialised(self._parts.volume.current())
        self.recorder.stands(self._reconciler.standing())
        self._poller.nudge()


async def _revisions(requests: VolumeRequests, _query: Mapping[str, str]) -> Reply:
    return await requests.revisions()
