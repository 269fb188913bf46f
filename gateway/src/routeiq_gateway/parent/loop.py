"""The parent: owns the listening socket and the workers, follows ``current``, and answers for the whole gateway.

It runs one loop over a selector, with no thread and no event loop, because it forks. A turn of the loop reads what
workers say, buries those that ended, looks where ``current`` points, and moves rollouts on.

States of the gateway: ``starting`` (nothing accepted yet), ``serving``, ``draining`` (told to stop), ``stopped``.
"""

import os
import selectors
import signal
import time
from dataclasses import dataclass, field

from routeiq_gateway.parent.fleet import FLUSH_SECONDS
from routeiq_gateway.parent.forking import Child
from routeiq_gateway.parent.replacements import Upkeep
from routeiq_gateway.parent.rollouts import Asker, Reloader
from routeiq_gateway.parent.signals import Signals
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings

TICK = 0.1
"""Seconds between looks at ``current``: one readlink(2). A watcher would be a thread, and this process forks."""


@dataclass
class Parent:
    """The loop of the gateway's parent process."""

    settings: Settings
    reloader: Reloader
    upkeep: Upkeep
    signals: Signals
    selector: selectors.BaseSelector
    log: Log
    seen: str | None = None  # where `current` pointed when it was last taken up
    seen_candidate: str | None = None
    asked: list[Asker] = field(default_factory=list)
    obstacle: str | None = None
    stopping_since: float | None = None
    retired: bool = False

    def run(self) -> None:
        """Serve until a signal ends the gateway and the last worker has drained."""
        self.selector.register(self.signals.install(), selectors.EVENT_READ, None)
        reloader, fleet, speaker = self.reloader, self.reloader.fleet, self.reloader.speaker
        while self.stopping_since is None or fleet.all():
            now = time.monotonic()
            if self.stopping_since is None:
                self._watch(now)
                reloader.advance(now)
                self.upkeep.tick(now)
            else:
                self._stop(now)
            self._kill_overdue(now)
            if not reloader.volume.answered():
                speaker.publish(fleet.entries())  # somebody emptied the volume; syncd numbers by what is served
            speaker.write()
            for key, _ in self.selector.select(TICK):
                if isinstance(key.data, Child):
                    self._hear(key.data)
            for number in self.signals.take():
                self._heed(number)
            self._bury()
        speaker.state = "stopped"
        speaker.publish(())

    def watch_child(self, child: Child) -> None:
        """Listen to a new child."""
        self.selector.register(child.channel, selectors.EVENT_READ, child)

    def leave_to_child(self) -> None:
        """Close, in a new child, what belongs to the parent alone."""
        self.signals.close()
        self.selector.close()
        for child in self.reloader.fleet.all():
            child.channel.close()

    def _watch(self, now: float) -> None:
        """Take up what ``current`` and ``candidate`` point to, once each."""
        reloader = self.reloader
        candidate = reloader.volume.link("candidate")
        if candidate != self.seen_candidate:
            self.seen_candidate = candidate
            if candidate is not None:
                reloader.try_candidate(candidate, now=now)
        if reloader.fleet.reloading() is not None:
            return
        target = reloader.volume.link("current")
        if target is None:
            self._miss_current()
            return
        self.obstacle = None
        if reloader.retry_at is not None and now >= reloader.retry_at:
            reloader.retry_at, self.seen = None, None
        if target == self.seen and not self.asked:
            return
        if len(reloader.fleet.draining) >= self.settings.most_draining:
            reloader.defer()
            return
        self.seen = target
        asked, self.asked = self.asked, []
        reloader.take(target, now=now, asked_by=asked)

    def _miss_current(self) -> None:
        """Say what stands in the way of ``current``; what is served goes on."""
        reloader = self.reloader
        obstacle = reloader.volume.obstacle("current")
        if reloader.speaker.state != "serving":
            reloader.wait(obstacle or f"waiting for syncd to put the first revision at {reloader.volume.root}/current")
        elif obstacle is not None and obstacle != self.obstacle:
            self.log.warning("the revision served goes on", reason=obstacle)
        self.obstacle = obstacle

    def _hear(self, child: Child) -> None:
        fleet = self.reloader.fleet
        for message in child.channel.receive():
            rollout = fleet.rollout_of(child)
            match message["kind"]:
                case "ready":
                    child.state = "ready"
                case "refused" if rollout is not None:
                    rollout.failure = rollout.failure or str(message["reason"])
                case "recycle":
                    child.worn = "ROUTEIQ_WORKER_MAX_REQUESTS"
                case "reload":
                    self._reload_asked((child.channel, int(message["id"])))
        if child.channel.closed:
            self._unwatch(child)

    def _reload_asked(self, asker: Asker) -> None:
        """Answer with the reload under way if it is on what ``current`` points to now, else begin another."""
        under_way = self.reloader.fleet.reloading()
        if self.stopping_since is not None:
            asker[0].send("reloaded", id=asker[1], result="nack", reason="the gateway is stopping")
        elif under_way is not None and self.reloader.volume.link("current") == self.seen:
            under_way.asked_by.append(asker)
        else:
            self.asked.append(asker)

    def _heed(self, number: int) -> None:
        match number:
            case signal.SIGHUP:
                self.seen = None
            case signal.SIGTERM | signal.SIGINT if self.stopping_since is None:
                self.log.info("stopping", prestop=self.settings.prestop, drain=self.settings.drain)
                self.stopping_since = time.monotonic()
                self.reloader.speaker.state = "draining"
                self.reloader.abandon(now=self.stopping_since)
                self.reloader.speaker.publish(self.reloader.fleet.entries())
            case signal.SIGTERM | signal.SIGINT:
                self.log.warning("stopping at once: asked a second time")
                for child in self.reloader.fleet.all():
                    child.channel.send("drain", seconds=0)
                    child.kill_at = time.monotonic() + FLUSH_SECONDS

    def _stop(self, now: float) -> None:
        """After the pre-stop wait, stop accepting and let the workers drain."""
        fleet = self.reloader.fleet
        if self.retired or now - (self.stopping_since or now) < self.settings.prestop:
            return
        self.retired = True
        self.reloader.listener.close()  # else the kernel would go on queueing connections for nobody
        fleet.retire(list(fleet.serving), now=now, drain=self.settings.drain)
        self.reloader.speaker.publish(fleet.entries())

    def _kill_overdue(self, now: float) -> None:
        for child in self.reloader.fleet.all():
            if child.kill_at is not None and now > child.kill_at:
                self.log.warning("killing a worker past its drain limit", worker=child.pid)
                os.kill(child.pid, signal.SIGKILL)
                child.kill_at = now + FLUSH_SECONDS

    def _bury(self) -> None:
        """Reap children that ended; a worker that should be serving is missed."""
        fleet = self.reloader.fleet
        changed = False
        for child in fleet.all():
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            self._hear(child)  # its last words
            code = os.waitstatus_to_exitcode(status)
            rollout = fleet.rollout_of(child)
            if rollout is not None:
                rollout.failure = rollout.failure or f"a worker ended at its start with {_ended(code)}"
                if rollout.purpose == "replacement":
                    self.upkeep.died(time.monotonic())
            elif child in fleet.serving:
                self.log.error("a worker died", worker=pid, ended=_ended(code))
                self.upkeep.died(time.monotonic())
            self._unwatch(child)
            fleet.forget(child)
            changed = True
        if changed:
            self.reloader.tidy()
            self.reloader.speaker.publish(fleet.entries())

    def _unwatch(self, child: Child) -> None:
        if child.channel.fileno() in self.selector.get_map():
            self.selector.unregister(child.channel)


def _ended(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
