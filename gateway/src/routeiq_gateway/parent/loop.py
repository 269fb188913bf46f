"""The parent's loop: owns the listening socket and the workers, follows `current`, and answers for the whole gateway.

It runs over a selector, with no thread and no event loop, because it forks. A turn of the loop looks where the links
point, heeds signals, buries workers that ended and reads what the others say. All of it becomes events for
`generations`, and the loop carries out the actions that come back.
"""

import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from routeiq_gateway.ipc.channel import Message
from routeiq_gateway.litellm_edge.command_line.metrics_server import MetricsServer
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.actions import Action, Do
from routeiq_gateway.parent.adoption import orphans_serve
from routeiq_gateway.parent.answer import AnswerWriter
from routeiq_gateway.parent.events import Event
from routeiq_gateway.parent.generations import step
from routeiq_gateway.parent.listening import listen
from routeiq_gateway.parent.processes import Processes
from routeiq_gateway.parent.revisions import Revisions
from routeiq_gateway.parent.state import State
from routeiq_gateway.runtime.lifeline import wake
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.runtime.notify import Notifier
from routeiq_gateway.runtime.signals import Signals
from routeiq_gateway.secret_files.reading import BadSecretsError
from routeiq_gateway.settings import PARENT_HANG, Settings
from routeiq_gateway.volume.documents import WorkerEntry
from routeiq_gateway.volume.volume import ACKED

TICK = 0.1
"""Seconds between looks at `current`: one readlink(2). A watcher would be a thread, and this process forks."""
MEASURE_EVERY = 5.0
WATCH_EVERY = 1.0
"""Seconds between looks at the pulses of workers."""
WAKE_EVERY = 5.0
CLEAR_EVERY = 5.0
"""Seconds between looks for metrics of dead orphans; workers of the parent's own are noticed as they end."""
SHOWN: Mapping[str, Literal["starting", "ready", "draining"]] = {
    "starting": "starting",
    "ready": "starting",
    "serving": "ready",
    "draining": "draining",
}
"""The state of a worker as the answer shows it; a worker that was killed, or is on trial, is not shown."""


@dataclass
class Parent:
    """The loop of the gateway's parent process."""

    settings: Settings
    listener: socket.socket
    processes: Processes
    revisions: Revisions
    answer: AnswerWriter
    signals: Signals
    log: Log
    places: Places
    notifier: Notifier
    metrics: MetricsServer | None = None
    state: State = field(default_factory=State)
    measured: float = 0.0
    watched: float = 0.0
    cleared: float = 0.0
    woken: float = 0.0

    def run(self) -> None:
        """Serve until a signal ends the gateway and the last worker has drained.

        Raises:
            CannotListenError: another process has come to listen on the port since it was bound.
        """
        selector = self.processes.selector
        selector.register(self.signals, selectors.EVENT_READ)
        while self.state.phase != "stopped":
            self.notifier.works(within=PARENT_HANG)
            self.answer.page.turned(time.monotonic())
            self._look()
            self._measure()
            self._watch()
            self._wake()
            self._keep_metrics()
            self.answer.write()
            self.revisions.write()
            selector.select(TICK)
            for number in self.signals.take():
                self._heed(number)
            self._bury()
            for child in list(self.processes.children):
                self._hear(child)

    def feed(self, event: Event) -> None:
        """Have an event decided about, and do what is decided; what that brings comes before anything else."""
        pending = deque([event])
        while pending:
            self.state, wanted = step(self.state, pending.popleft(), time.monotonic(), self.settings)
            brought = [result for action in wanted if (result := self._do(action)) is not None]
            pending.extendleft(reversed(brought))

    def _look(self) -> None:
        self._look_at_secrets()
        volume, secrets = self.revisions.volume, self.revisions.secrets
        current, candidate = volume.link("current"), volume.link("candidate")
        obstacle = volume.obstacle("current") if current is None else None
        if secrets.newest is None:  # LiteLLM without its master key would let everybody in
            current, candidate, obstacle = None, None, str(secrets.problem)
        newest = secrets.newest or 0
        self.feed(events.Tick(current, candidate, obstacle, volume.answered(), volume.link(ACKED), newest))

    def _look_at_secrets(self) -> None:
        """Take note of secret files that changed; `Tick` carries the number of what was read."""
        secrets = self.revisions.secrets
        found = secrets.look(time.monotonic())
        if found is None:
            return
        if isinstance(found, BadSecretsError):
            self.log.error("secrets refused", reason=str(found))
            self.answer.refuse_secrets(str(found))
        else:
            both = sorted(found.values.keys() & self.processes.forker.environment.keys())
            self.log.info("secrets read", files=sorted(found.values), instead_of_the_environment=both)
            self.answer.refuse_secrets(None)
        self._do_plain(Do.PUBLISH)

    def _measure(self) -> None:
        limit, now = self.settings.max_rss, time.monotonic()
        if limit is None or now - self.measured < MEASURE_EVERY:
            return
        self.measured = now
        for number in self.processes.larger_than(limit, [worker.number for worker in self.state.having("serving")]):
            self.feed(events.Worn(number, "ROUTEIQ_WORKER_MAX_RSS_MB"))

    def _watch(self) -> None:
        limit, now = self.settings.worker_hang, time.monotonic()
        if not limit or now - self.watched < WATCH_EVERY:
            return
        self.watched = now
        watched = [worker.number for worker in self.state.having("serving", "draining")]
        for hung in list(self.processes.hung(limit, watched)):
            self.feed(hung)

    def _wake(self) -> None:
        """Have those go on that a signal has stopped, and whom nobody else watches."""
        now = time.monotonic()
        if now - self.woken < WAKE_EVERY:
            return
        self.woken = now
        if self.settings.supervisor and wake(os.getppid()):
            self.log.error("supervisord was stopped, and goes on", pid=os.getppid())
        server = self.metrics.process if self.metrics else None
        if server is not None and wake(server.pid):
            self.log.error("the server of metrics was stopped, and goes on", pid=server.pid)

    def _keep_metrics(self) -> None:
        """Have the server of metrics run; requests go on without it."""
        if self.metrics is None:
            return
        try:
            ended = self.metrics.keep(time.monotonic())
        except OSError as error:
            self.log.error("the server of metrics cannot be started", error=error.strerror)
        else:
            if ended is not None:
                self.log.error("the server of metrics ended", port=self.metrics.port, exit_code=ended)

    def _heed(self, number: int) -> None:
        match number:
            case signal.SIGHUP:
                self.feed(events.ReloadAsked(None, None))
            case signal.SIGTERM | signal.SIGINT:
                self.feed(events.Stop())

    def _bury(self) -> None:
        buried = False
        for number, ended in self.processes.ended():
            self._hear(number, dead=True)  # its last words
            self.feed(events.Died(number, ended))
            self.processes.bury(number)
            buried = True
        now = time.monotonic()
        if buried or now - self.cleared > CLEAR_EVERY:
            self.cleared = now
            self.places.clear()

    def _hear(self, number: int, *, dead: bool = False) -> None:
        for message in self.processes.hear(number):
            event = self._event(number, message)
            if event is not None and not (dead and isinstance(event, events.Ready)):
                self.feed(event)

    def _event(self, number: int, message: Message) -> Event | None:
        match message["kind"]:
            case "ready":
                return events.Ready(number)
            case "refused":
                return events.Failed(number, str(message["reason"]), passing=message.get("passing") is True)
            case "ran":
                self.processes.forker.last_runs.at[str(message["job"])] = time.monotonic()
            case "recycle":
                return events.Worn(number, "ROUTEIQ_WORKER_MAX_REQUESTS")
            case "reload":
                return events.ReloadAsked((number, int(message["id"])), self.revisions.volume.link("current"))
        return None

    def _do(self, action: Action) -> Event | None:
        """Carry out one action; return the event that it brings."""
        match action:
            case actions.Read():
                return self.revisions.read(action)
            case actions.FallBack():
                return self.revisions.fall_back(action)
            case actions.Fork():
                return self._fork(action)
            case actions.Send(number, kind, fields):
                self.processes.send(number, kind, **fields)
            case actions.Kill(number):
                self.processes.kill(number)
            case actions.Ack(revision):
                self.answer.ack(revision)
                self.answer.ack_secrets(self.revisions.secrets.of(revision.secrets))
            case actions.Nack(number, digest, reason):
                self.answer.nack(number, digest, reason)
            case actions.RefuseSecrets(reason):
                self.answer.refuse_secrets(reason)
            case actions.Verdict():
                self.revisions.write_verdict(action)
            case actions.Log(level, event, fields, worker):
                pid = {} if worker is None else {"worker": self.processes.pid(worker)}
                getattr(self.log, level)(event, **pid, **fields)
            case Do():
                return self._do_plain(action)
        return None

    def _do_plain(self, action: Do) -> Event | None:
        match action:
            case Do.LISTEN:
                listen(self.listener)
            case Do.CLOSE_LISTENER:
                self.listener.close()
            case Do.PUBLISH:
                self.answer.publish(self.state.phase, self.state.note, self._entries())
            case Do.TIDY:
                used = {self.state.served, *(worker.revision for worker in self.state.workers)}
                self.revisions.staging.keep(used)
                self.revisions.secrets.keep({revision.secrets for revision in used if revision})
            case Do.ASK_ORPHANS:
                return events.Orphans(orphans_serve(self.settings.volume, self.settings.port))
        return None

    def _fork(self, wanted: actions.Fork) -> events.NotForked | None:
        revision = wanted.revision
        try:
            config = self.revisions.staging.stage(revision) if revision else None
            self.processes.fork(wanted.worker, revision, config, trial=wanted.trial)
        except OSError as error:
            return events.NotForked(wanted.worker, f"the system refuses a new worker: {error.strerror}")
        return None

    def _entries(self) -> tuple[WorkerEntry, ...]:
        """Return the workers as the answer shows them."""
        on_trial = {number for rollout in self.state.under_way("trial") for number in rollout.workers}
        return tuple(
            WorkerEntry(pid, worker.revision.number if worker.revision else None, SHOWN[worker.state])
            for worker in self.state.workers
            if worker.state in SHOWN and worker.number not in on_trial and (pid := self.processes.pid(worker.number))
        )
