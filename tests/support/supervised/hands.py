"""The hands that carry out a schedule of faults on whole replicas under supervisord."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psutil

from tests.support.faults import HANDS, Hands, digest_of
from tests.support.history import Calm, Ended, Put, Ready
from tests.support.postgres import PostgresServer
from tests.support.processes import listening
from tests.support.request_history import WorkerKilled
from tests.support.schedule import CHANGE, Step
from tests.support.standby import promote, wait_until_replayed
from tests.support.supervised.recorder import SupervisedRecorder
from tests.support.supervised.replicas import Replicas, configuration, ended, stopped
from tests.support.upstream import Upstream
from tests.support.waiting import wait_for

READY_LIMIT = 180.0
CALM_LIMIT = 240.0
"""Seconds: a program that ended often is started after 30 s, and a worker's start is tried again after as many."""
END_LIMIT = 240.0
"""Seconds for a replica that was told to stop to end, once what is outside is healed."""
LOOK_AGAIN = 0.3
SLOW_SECONDS = 0.8
INTERPRETER_SECONDS = 8.0


@dataclass
class SupervisedHands(Hands):
    """Carries out steps on replicas that reach PostgreSQL each through a proxy of its own.

    Attributes:
        provider: the provider of all replicas.
        follow: starts a standby of the server that it is given.
        standby: follows the server; None once it was promoted, until the next calm.
        spared: replicas whose programs are not ended, so that what grows in them can be seen.
        calmed: called at each calm, when all is healed and everyone serves the same.
    """

    provider: Upstream | None = None
    follow: Callable[[PostgresServer], PostgresServer] | None = None
    standby: PostgresServer | None = None
    spared: frozenset[int] = frozenset()
    calmed: Callable[[], None] = lambda: None
    hand: dict[str, Callable[["SupervisedHands", Step], None]] = field(default_factory=lambda: SUPERVISED)

    @property
    def whole(self) -> Replicas:
        """The replicas, as what they are."""
        assert isinstance(self.replicas, Replicas)
        return self.replicas

    @property
    def record(self) -> SupervisedRecorder:
        """The recorder, as what it is."""
        assert isinstance(self.recorder, SupervisedRecorder)
        return self.recorder

    def place(self, step: Step) -> str:
        """What must not be begun twice at once: anything done to one program, to one proxy, to one server."""
        word = step.kind.partition(" ")[0]
        common = {"database": "server", "source": "source", "provider": "provider"}
        return common.get(word, f"{word} {step.target}")

    def put_text(self, text: str, *, good: bool, served: bool) -> None:
        """Put a configuration at the source that is refused."""
        self.recorder.note(Put(digest_of(text), good=good, served=served))
        self.replicas.s3.put(self.replicas.bucket, text)

    def put_next(self) -> str:
        """Put a good configuration of its own name at the source."""
        self.changes += 1
        name = f"change-{self.changes}"
        self.recorder.note(Put(digest_of(self.whole.text_of(name))))
        self.replicas.put(name)
        return name

    def calm(self) -> None:
        """Heal everything, see that everyone serves, change the source, and record what everyone comes to serve."""
        wait_for("all to be healed", self._healed, seconds=END_LIMIT, every=LOOK_AGAIN)
        for index, process in self.replicas.processes.items():
            if (code := process.process.poll()) is not None:
                self.recorder.note(Ended(self.recorder.name(index), code, "supervisord"))
        with contextlib.suppress(AssertionError):  # the checker says who did not
            wait_for("readiness", lambda: not any(map(self.whole.is_down, self._all())), seconds=READY_LIMIT)
        for index in self._all():
            self.recorder.note(Ready(self.recorder.name(index), not self.whole.is_down(index)))
        wanted = digest_of(self.whole.text_of(self.put_next()))
        with contextlib.suppress(AssertionError):
            wait_for("everyone", lambda: set(self._serve().values()) == {(wanted, 1)}, seconds=CALM_LIMIT)
        served = tuple((self.recorder.name(index), digest) for index, (digest, _) in self._serve().items())
        self.recorder.note(Calm(wanted, served))
        for index in self._all():
            self.recorder.listen(index)
        self.recorder.read_database()
        if self.standby is None and self.follow is not None:
            self.standby = self.follow(self.replicas.postgres)
        self.calmed()

    def begin(self) -> None:
        """Start every replica on a first configuration, and wait until it is served."""
        self.put_next()
        for index in range(len(self.databases)):
            self.whole.launch(index)
        wait_for("readiness", lambda: not any(map(self.whole.is_down, self._all())), seconds=READY_LIMIT)

    def _healed(self) -> bool:
        self.heal(until=float("inf"))
        return not self.healing

    def _all(self) -> list[int]:
        return list(self.replicas.processes)

    def _serve(self) -> dict[int, tuple[str, int]]:
        """What each gateway serves, and the number of its workers, old ones that drain among them."""
        answers = {index: self.whole.gateways[index].volume.answer() for index in self._all()}
        return {
            index: ((answer.get("serving") or {}).get("digest", ""), len(answer.get("workers", [])))
            for index, answer in answers.items()
        }


def refused(hands: SupervisedHands, step: Step) -> None:
    """A change that syncd refuses; which one, the schedule's length says, as good as by chance."""
    good = hands.whole.text_of("refused")
    bad = ("model_list: [", good + '"a\\0b": 1\n"a\\0b": 2\n', good + "include: [absent.yaml]\n")
    hands.put_text(bad[int(step.seconds * 1000) % len(bad)], good=False, served=False)


def refused_by_gateways(hands: SupervisedHands, step: Step) -> None:
    """A change that syncd takes and that no gateway takes: LiteLLM knows no such provider."""
    text = configuration(f"refused-{step.at:g}", hands.whole.provider, model="nowhere/x")
    hands.put_text(text, good=True, served=False)


def replica_killed(hands: SupervisedHands, step: Step) -> None:
    """SIGKILL of all of a replica; started again later."""
    if step.target in hands.spared or step.target not in hands.replicas.processes:
        return
    hands.recorder.mute(step.target)
    hands.whole.kill(step.target)
    hands.lasting(step, lambda: hands.whole.launch(step.target))


def replica_replaced(hands: SupervisedHands, step: Step) -> None:
    """SIGKILL of all of a replica, and its volume is gone: another replica comes in its place."""
    if step.target in hands.spared or step.target not in hands.replicas.processes:
        return
    replica_killed(hands, step)
    hands.recorder.replace(step.target)


def replica_stopped(hands: SupervisedHands, step: Step) -> None:
    """SIGTERM to supervisord; started again once it has ended, and later."""
    if step.target in hands.spared or step.target not in hands.replicas.processes:
        return
    hands.recorder.mute(step.target)
    hands.whole.tell_to_stop(step.target)

    def again() -> None:
        code = hands.whole.end_of(step.target)
        if code is None:  # other faults are healed meanwhile, for one of them may be what it waits for
            hands.lasting(replace(step, seconds=LOOK_AGAIN), again)
            return
        if code:
            hands.recorder.note(Ended(hands.recorder.name(step.target), code, "supervisord"))
        hands.whole.launch(step.target)

    hands.lasting(step, again)


def program_killed(hands: SupervisedHands, step: Step) -> None:
    """SIGKILL of syncd or of the gateway's parent; supervisord starts it again."""
    name = step.kind.partition(" ")[0]
    process = hands.whole.program(step.target, name)
    if process is None or step.target in hands.spared:
        return
    if name == "syncd":
        hands.recorder.mute(step.target)
    workers = hands.whole.workers(step.target)
    if name == "gateway" and not workers:  # nobody else has the socket
        hands.whole.fell_again(step.target)
    hands.whole.killed[step.target, name] = hands.whole.killed.get((step.target, name), 0) + 1
    process.kill()


def paused(hands: SupervisedHands, step: Step) -> None:
    """SIGSTOP of a program; it goes on later."""
    name = step.kind.partition(" ")[0]
    process: psutil.Process | None
    if name == "worker":
        process = next(iter(hands.whole.workers(step.target)), None)
    elif name == "supervisord":
        running = hands.replicas.processes.get(step.target)
        process = psutil.Process(running.pid) if running else None
    else:
        process = hands.whole.program(step.target, name)
    if process is None:
        return
    if name == "syncd":
        hands.recorder.mute(step.target)
    pid = process.pid
    os.kill(pid, signal.SIGSTOP)

    def wake() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    hands.lasting(step, wake)


def worker_killed(hands: SupervisedHands, step: Step) -> None:
    """SIGKILL of a worker, with what it is answering; whose requests that are is noted."""
    worker = next(iter(hands.whole.workers(step.target)), None)
    if worker is None:
        return
    since = time.monotonic()
    try:
        stopped(worker.pid)
        connections = worker.net_connections("tcp")
    except (ProcessLookupError, psutil.NoSuchProcess):
        return
    worker.kill()
    wait_for("the worker's sockets to be closed", lambda: ended(worker.pid), every=0.002)
    ports = frozenset(one.raddr.port for one in connections if one.status != psutil.CONN_LISTEN)
    hands.recorder.note(WorkerKilled(str(step.target), since, time.monotonic(), ports))
    if not listening(hands.whole.gateways[step.target].port):  # it was the last to have the socket
        hands.whole.fell_again(step.target, since)


def reloaded(hands: SupervisedHands, step: Step) -> None:
    """SIGHUP to the gateway's parent: it reloads without a change."""
    process = hands.whole.program(step.target, "gateway")
    # Before Python runs our code, the signal's default ends whatever program it is.
    if process is not None and time.time() - process.create_time() > INTERPRETER_SECONDS:
        process.send_signal(signal.SIGHUP)


def failed_over(hands: SupervisedHands, _step: Step) -> None:
    """The server is killed, and its standby, which has all of it, is promoted."""
    if hands.standby is None:
        return
    primary, standby = hands.replicas.postgres, hands.standby
    before = [proxy.open for proxy in hands.databases]
    for proxy in hands.databases:
        proxy.open = False
        proxy.cut()
    other = f"FROM pg_stat_activity WHERE datname = '{hands.replicas.database}' AND pid <> pg_backend_pid()"
    primary.sql(f"SELECT pg_terminate_backend(pid) {other}")
    wait_for("the end of all sessions", lambda: primary.sql(f"SELECT count(*) {other}") == ["0"])
    wait_until_replayed(primary, standby)
    hands.recorder.read_database()
    primary.kill()
    promote(standby)
    hands.replicas.postgres, hands.standby = standby, None
    for proxy, was_open in zip(hands.databases, before, strict=True):
        proxy.target, proxy.open = standby.port, was_open


def provider_slow(hands: SupervisedHands, step: Step) -> None:
    """The provider takes its time over each answer and each piece of a stream."""
    assert hands.provider is not None
    provider, before = hands.provider, hands.provider.delay
    provider.delay = SLOW_SECONDS
    hands.lasting(step, lambda: setattr(provider, "delay", before))


def provider_hung(hands: SupervisedHands, step: Step) -> None:
    """The provider answers nothing, and goes on later."""
    assert hands.provider is not None
    hands.provider.flowing.clear()
    hands.lasting(step, hands.provider.flowing.set)


SUPERVISED: dict[str, Callable[[SupervisedHands, Step], None]] = {
    **{kind: hand for kind, hand in HANDS.items() if kind.startswith(("database", "link", "source", CHANGE))},
    "database failed over": failed_over,
    "gateway killed": program_killed,
    "gateway paused": paused,
    "gateway reloaded": reloaded,
    "provider hung": provider_hung,
    "provider slow": provider_slow,
    "refused by gateways": refused_by_gateways,
    "refused change": refused,
    "replica killed": replica_killed,
    "replica replaced": replica_replaced,
    "replica stopped": replica_stopped,
    "supervisord paused": paused,
    "syncd killed": program_killed,
    "syncd paused": paused,
    "worker killed": worker_killed,
    "worker paused": paused,
}
