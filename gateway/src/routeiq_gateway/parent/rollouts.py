"""Taking a revision in: bring up, swap or refuse, fall back, replace, try.

A refused revision replaces nothing. Where nothing was served before, the last known good of an earlier gateway on
this volume is brought up instead, and where there is none either, workers that tell every client to wait. These hold
back as long as orphans of an earlier gateway serve: an answer of theirs would take the place of a good one.
"""

import json
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from routeiq_gateway.configuration.loading import BadRevisionError
from routeiq_gateway.configuration.overrides import BadOverrideError
from routeiq_gateway.configuration.reasons import shorten
from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.parent.answer import Speaker, now_text
from routeiq_gateway.parent.fleet import FLUSH_SECONDS, Fleet, Purpose, Rollout
from routeiq_gateway.parent.forking import Child, Forker
from routeiq_gateway.parent.listening import listen
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.documents import FORMAT
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Revision, Volume
from routeiq_gateway.worker.orphan import orphans_serve

Asker = tuple[Channel, int]


@dataclass
class Reloader:
    """Rollouts of one gateway. ``on_fork`` is told of every new child; ``in_child`` runs in it first."""

    settings: Settings
    volume: Volume
    listener: socket.socket
    forker: Forker
    staging: Staging
    speaker: Speaker
    fleet: Fleet
    log: Log
    on_fork: Callable[[Child], None] = lambda _child: None
    in_child: Callable[[], None] = lambda: None
    listening: bool = False
    waiting: bool = False  # nothing to serve is known
    served: Revision | None = None
    retry_at: float | None = None
    fell_back: bool = False

    def take(self, target: str, *, now: float, asked_by: list[Asker]) -> None:
        """Begin to reload on the revision at ``target``, or refuse it at once."""
        found = self._read(target, now=now)
        if isinstance(found, Revision):
            self._begin("reload", found, now=now, count=self.settings.workers, asked_by=asked_by)
            return
        for channel, number in asked_by:
            channel.send("reloaded", id=number, result="nack", reason=found)
        self._settle(now)

    def wait(self, reason: str) -> None:
        """Serve ``503`` with ``reason`` until there is something to serve."""
        if self.speaker.note != reason:
            self.log.warning("not ready", reason=reason)
            self.speaker.state, self.speaker.note = "starting", reason
            self.speaker.publish(self.fleet.entries())
        self.waiting = True

    def defer(self) -> None:
        """Say that a new revision has to wait for workers to end: memory is bounded first."""
        note = (
            f"a new revision waits: {self.settings.most_draining} workers are draining, the most that"
            " ROUTEIQ_MAX_DRAINING_WORKERS allows"
        )
        if self.speaker.note != note:
            self.speaker.note = note
            self.log.warning("reload deferred", reason=note)
            self.speaker.publish(self.fleet.entries())

    def try_candidate(self, target: str, *, now: float) -> None:
        """Begin a trial of the revision at ``target``."""
        try:
            revision = self.volume.identify(target)
        except BadRevisionError as error:
            self.log.warning("the candidate cannot be read", reason=str(error))
            return
        try:
            self.volume.verify(revision)
            self._begin("trial", revision, now=now, count=1)
        except (BadRevisionError, BadOverrideError) as error:
            self._verdict(revision, shorten(str(error)))
        except OSError as error:
            self._verdict(revision, f"cannot be staged in the temporary directory: {error.strerror}")

    def replace(self, old: Child | None, *, now: float) -> None:
        """Bring up one worker on the revision being served, for ``old`` or for one that is gone."""
        self._begin("replacement", self.served, now=now, count=1, replaces=[old] if old else [])

    def tidy(self) -> None:
        """Remove what was staged for revisions that no worker is on."""
        self.staging.keep({self.served, *(child.revision for child in self.fleet.all())})

    def advance(self, now: float) -> None:
        """Finish the rollouts whose workers are all ready, and give up those that failed or took too long."""
        for rollout in list(self.fleet.rollouts):
            if rollout.failure is None and now > rollout.deadline:
                rollout.failure = f"not ready within ROUTEIQ_RELOAD_TIMEOUT_SECONDS={self.settings.reload_timeout:g}"
            if rollout.failure is not None:
                self._give_up(rollout, now)
            elif rollout.complete:
                self._finish(rollout, now)
        if self.speaker.state == "starting" and not self.fleet.serving:
            self._stand_in(now)

    def _stand_in(self, now: float) -> None:
        """Have clients wait, unless orphans serve; these are asked to go on until there is something to serve."""
        alone = not orphans_serve(self.settings.volume, self.settings.port)
        if alone and self.waiting and self.fleet.reloading() is None:
            self._begin("reload", None, now=now, count=1)

    def abandon(self, *, now: float) -> None:
        """Give up every rollout: the gateway stops."""
        for rollout in list(self.fleet.rollouts):
            self._kill(rollout, now)
            _tell(rollout, result="nack", reason="the gateway is stopping")

    def _read(self, target: str, *, now: float) -> Revision | str:
        """Return the revision at ``target`` checked and staged, or the reason why it is refused."""
        number, digest = _named(target)
        try:
            revision = self.volume.identify(target)
            number, digest = revision.number, revision.digest
            self._check_order(number)
            self.volume.verify(revision)
            self.staging.stage(revision)
        except (BadRevisionError, BadOverrideError) as error:
            reason = shorten(str(error))
        except OSError as error:
            reason = f"cannot be staged in the temporary directory: {error.strerror}"
            self.retry_at = now + self.settings.reload_timeout
        else:
            return revision
        self._refuse(number, digest, reason)
        return reason

    def _check_order(self, number: int) -> None:
        serving = self.speaker.serving
        if self.speaker.state == "serving" and serving is not None and number < serving.number:
            raise BadRevisionError(
                f"revision {number} is older than {serving.number}, which is served; a rollback is a new revision"
            )

    def _begin(
        self,
        purpose: Purpose,
        revision: Revision | None,
        *,
        now: float,
        count: int,
        asked_by: Sequence[Asker] = (),
        replaces: Sequence[Child] = (),
    ) -> None:
        config = self.staging.stage(revision) if revision else None
        deadline = now + self.settings.reload_timeout
        rollout = Rollout(purpose, revision, [], deadline, now, list(replaces), list(asked_by))
        # Part of the fleet before the first fork: each child closes the channels of those forked before it, or it
        # would keep them open past the parent's death.
        self.fleet.rollouts.append(rollout)
        for _ in range(count):
            child = self.forker.fork(revision, config, trial=purpose == "trial", at_fork=self.in_child)
            rollout.children.append(child)
            self.on_fork(child)
        self.log.info("bringing up", purpose=purpose, revision=_number(revision), workers=count)

    def _finish(self, rollout: Rollout, now: float) -> None:
        revision = rollout.revision
        if rollout.purpose == "trial":
            assert revision is not None  # noqa: S101 - a trial always has one
            self._kill(rollout, now)
            self._verdict(revision, None)
            return
        if not self.listening:
            listen(self.listener)
            self.listening = True
        if rollout.purpose == "reload":
            rollout.replaces = list(self.fleet.serving)
        self.fleet.swap(rollout, now=now, drain=self.settings.drain)
        if revision is not None:
            self.served = revision
            self.speaker.ack(revision)
        if rollout.purpose == "reload":
            for other in self.fleet.replacements():
                self._kill(other, now)
        self.speaker.publish(self.fleet.entries())
        seconds = round(now - rollout.started, 3)
        self.log.info("serving", purpose=rollout.purpose, revision=_number(revision), seconds=seconds)
        if revision is not None:
            _tell(rollout, result="ack", number=revision.number, digest=revision.digest, seconds=seconds)

    def _give_up(self, rollout: Rollout, now: float) -> None:
        self._kill(rollout, now)
        revision, reason = rollout.revision, rollout.failure or ""
        match rollout.purpose:
            case "trial":
                if revision is not None:
                    self._verdict(revision, reason)
            case "replacement":
                self.log.error("a worker's replacement failed", reason=reason)
            case "reload":
                if revision is not None:
                    self._refuse(revision.number, revision.digest, reason)
                    _tell(rollout, result="nack", number=revision.number, digest=revision.digest, reason=reason)
                self._settle(now)

    def _settle(self, now: float) -> None:
        """After a refusal: keep what is served, else bring up the last known good, else have clients wait."""
        if self.speaker.state == "serving":
            return
        good = None if self.fell_back else self.volume.last_known_good(self.speaker.serving)
        refused = self.speaker.refused
        if good is not None and (refused is None or good.digest != refused.digest):
            self.fell_back = True
            self.log.warning("falling back to the last known good", revision=good.number)
            self._begin("reload", good, now=now, count=self.settings.workers)
        elif refused is not None:
            self.wait(f"revision {refused.number} is refused: {refused.reason}")

    def _refuse(self, number: int, digest: str, reason: str) -> None:
        self.speaker.nack(number, digest, reason)
        self.log.error("revision refused", revision=number, digest=digest, reason=reason)
        self.speaker.publish(self.fleet.entries())

    def _verdict(self, revision: Revision, reason: str | None) -> None:
        document = {
            "format": FORMAT,
            "digest": revision.digest,
            "number": revision.number,
            "verdict": "refuse" if reason else "accept",
            "reason": reason,
            "at": now_text(),
        }
        try:
            self.volume.write_trial(revision.digest, json.dumps(document, indent=1).encode() + b"\n")
        except OSError as error:
            self.log.error("cannot write the verdict to the volume", error=error.strerror)
        self.log.info("verdict", revision=revision.number, verdict=document["verdict"], reason=reason)

    def _kill(self, rollout: Rollout, now: float) -> None:
        """Kill the workers of ``rollout``: they have accepted nothing."""
        self.fleet.rollouts.remove(rollout)
        for child in rollout.children:
            os.kill(child.pid, signal.SIGKILL)
            child.state, child.kill_at = "draining", now + FLUSH_SECONDS
            self.fleet.dying.append(child)


def _tell(rollout: Rollout, **fields: object) -> None:
    for channel, number in rollout.asked_by:
        channel.send("reloaded", id=number, **fields)


def _number(revision: Revision | None) -> int | None:
    return revision.number if revision else None


def _named(target: str) -> tuple[int, str]:
    """Return number and short digest as a directory's name says them, for a revision that cannot be read."""
    number, _, digest = Path(target).name.partition("-")
    return (int(number), digest) if number.isdecimal() else (0, digest)
