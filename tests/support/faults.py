"""The hands that carry out a schedule of faults on a real fleet.

The schedule, what happens when and to whom, is a pure function of the seed. How the processes, the kernel and the
network interleave is not: a seed that fails says what to do to the fleet again, not that it fails again.
"""

import contextlib
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from routeiq_syncd.configuration.bundle import make_bundle
from tests.support.fleet import Fleet
from tests.support.history import Calm, Ended, Put
from tests.support.history_recorder import HistoryRecorder
from tests.support.schedule import CALM, CHANGE, Step
from tests.support.syncd import config
from tests.support.tcp_proxy import Proxy
from tests.support.waiting import wait_for

CALM_LIMIT = 60.0
BAD = (
    "model_list: [",
    config("bad") + '"a\\0b": 1\n"a\\0b": 2\n',  # a name that PostgreSQL cannot store, in the reason
    config("bad") + '"a\\ud800b": 1\n"a\\ud800b": 2\n',  # half a surrogate pair, which has no UTF-8
)
UNAVAILABLE = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Hands:
    """Carries out steps on a fleet whose replicas reach PostgreSQL and S3 each through a proxy of its own."""

    replicas: Fleet
    databases: list[Proxy]
    source: Proxy
    recorder: HistoryRecorder
    changes: int = 0
    hand: dict[str, Callable[[Any, Step], None]] = field(default_factory=lambda: HANDS)
    done: Counter[str] = field(default_factory=Counter)
    healing: list[tuple[float, str, Callable[[], None]]] = field(default_factory=list)

    def play(self, steps: tuple[Step, ...]) -> None:
        """Carry out the steps in their time."""
        began = time.monotonic()
        for step in steps:
            while (left := began + step.at - time.monotonic()) > 0:
                self.heal(until=time.monotonic())
                time.sleep(min(left, 0.05))  # the schedule's own time, not a wait for anything
            if step.kind == CALM:
                paused = time.monotonic()
                self.calm()
                began += time.monotonic() - paused
            elif not any(name == self.place(step) for _, name, _ in self.healing):
                self.done[step.kind] += 1
                self.hand[step.kind](self, step)

    def lasting(self, step: Step, heal: Callable[[], None]) -> None:
        """Undo a fault when its time is over; the same one is not begun again before."""
        self.healing.append((time.monotonic() + step.seconds, self.place(step), heal))

    def calm(self) -> None:
        """Heal everything, change the source, and record what everyone comes to serve."""
        self.heal(until=float("inf"))
        for index, process in self.replicas.processes.items():
            code = process.process.poll()
            if code is not None:
                self.recorder.note(Ended(self.recorder.name(index), code))
        name = self.put_next()
        with contextlib.suppress(AssertionError):  # the checker says who did not
            wait_for("everyone", lambda: set(self._served().values()) == {name}, seconds=CALM_LIMIT)
        served = tuple((self.recorder.name(index), digest_of(config(one))) for index, one in self._served().items())
        self.recorder.note(Calm(digest_of(config(name)), served))

    def put_next(self) -> str:
        """Put a good configuration of its own name at the source."""
        self.changes += 1
        name = f"change-{self.changes}"
        self.recorder.note(Put(digest_of(config(name))))
        self.replicas.put(name)
        return name

    def _served(self) -> dict[int, str]:
        return {index: self.replicas.serving(index) for index in self.replicas.processes}

    def heal(self, *, until: float) -> None:
        """Undo the faults whose time is over at ``until``."""
        due = [entry for entry in self.healing if entry[0] <= until]
        self.healing = [entry for entry in self.healing if entry[0] > until]
        for _, _, heal in due:
            heal()

    def place(self, step: Step) -> str:
        """What must not be begun twice at once: anything done to one process, to one proxy, to one server."""
        place = {"database": "server", "source": "source", "link": f"link {step.target}"}
        return place.get(step.kind.partition(" ")[0], f"process {step.target}")


def digest_of(text: str) -> str:
    """The digest of a configuration of one file."""
    return make_bundle({"config.yaml": text.encode()}).digest


def change(hands: Hands, _step: Step) -> None:
    """A change at the source."""
    hands.put_next()


def refused(hands: Hands, step: Step) -> None:
    """A change that cannot be taken; which one, the schedule's length says, as good as by chance."""
    bad = BAD[int(step.seconds * 1000) % len(BAD)]
    hands.recorder.note(Put(digest_of(bad), good=False))
    hands.replicas.s3.put(hands.replicas.bucket, bad)


def killed(hands: Hands, step: Step) -> None:
    """SIGKILL; started again later."""
    hands.recorder.mute(step.target)
    hands.replicas.kill(step.target)
    hands.lasting(step, lambda: _start(hands, step.target))


def replaced(hands: Hands, step: Step) -> None:
    """SIGKILL, and its volume is gone: another replica comes in its place."""
    hands.recorder.mute(step.target)
    hands.replicas.kill(step.target)
    hands.recorder.replace(step.target)
    hands.lasting(step, lambda: _start(hands, step.target))


def stopped(hands: Hands, step: Step) -> None:
    """SIGTERM; started again later."""
    hands.recorder.mute(step.target)
    hands.replicas.stop(step.target)
    hands.lasting(step, lambda: _start(hands, step.target))


def paused(hands: Hands, step: Step) -> None:
    """SIGSTOP; goes on later."""
    hands.recorder.mute(step.target)
    process = hands.replicas.processes[step.target].process
    process.send_signal(signal.SIGSTOP)

    def wake() -> None:
        process.send_signal(signal.SIGCONT)
        hands.recorder.listen(step.target)

    hands.lasting(step, wake)


def cut(hands: Hands, step: Step) -> None:
    """Every connection of a replica to PostgreSQL is closed."""
    hands.databases[step.target].cut()


def closed(hands: Hands, step: Step) -> None:
    """A replica cannot reach PostgreSQL, and is told so."""
    proxy = hands.databases[step.target]
    proxy.open = False
    proxy.cut()
    hands.lasting(step, lambda: setattr(proxy, "open", True))


def stalled(hands: Hands, step: Step) -> None:
    """Nothing passes between a replica and PostgreSQL, in silence."""
    proxy = hands.databases[step.target]
    proxy.flowing.clear()
    hands.lasting(step, proxy.flowing.set)


def restarted(hands: Hands, step: Step) -> None:
    """PostgreSQL is killed, and started again later."""
    hands.recorder.read_database()
    hands.replicas.postgres.kill()
    hands.lasting(step, hands.replicas.postgres.start)


def source_closed(hands: Hands, step: Step) -> None:
    """S3 cannot be reached."""
    hands.source.open = False
    hands.source.cut()
    hands.lasting(step, lambda: setattr(hands.source, "open", True))


def source_stalled(hands: Hands, step: Step) -> None:
    """S3 does not answer."""
    hands.source.flowing.clear()
    hands.lasting(step, hands.source.flowing.set)


def source_errs(hands: Hands, step: Step) -> None:
    """S3 answers every request with 503."""
    hands.source.reply = UNAVAILABLE
    hands.source.cut()
    hands.lasting(step, lambda: setattr(hands.source, "reply", b""))


def _start(hands: Hands, index: int) -> None:
    hands.replicas.start(index)
    hands.recorder.listen(index)


HANDS: dict[str, Callable[[Any, Step], None]] = {
    CHANGE: change,
    "database restarted": restarted,
    "link closed": closed,
    "link cut": cut,
    "link stalled": stalled,
    "process killed": killed,
    "process paused": paused,
    "process replaced": replaced,
    "process stopped": stopped,
    "refused change": refused,
    "source closed": source_closed,
    "source errs": source_errs,
    "source stalled": source_stalled,
}
