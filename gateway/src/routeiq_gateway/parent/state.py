"""What the parent has decided so far: its workers, the rollouts under way, and what it waits for.

`State` never changes. A `Turn` is one step under way: it replaces its state piece by piece, and collects actions.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from routeiq_gateway.parent.actions import Action, Do, FallBack, Kill, Level, Log, Send
from routeiq_gateway.parent.events import Asker, Purpose
from routeiq_gateway.settings import IDLE_AT_STOP, Settings
from routeiq_gateway.volume.documents import Phase
from routeiq_gateway.volume.volume import Revision

KILLED = "signal SIGKILL"  # how the kernel ends a worker for want of memory, and an operator: no configuration does
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
CALM_SECONDS = 60.0  # a failure after this long is no crash loop
HANG = "ROUTEIQ_WORKER_HANG_SECONDS"
FLUSH_SECONDS = 10.0  # after its drain limit a worker flushes its logs; past this it is killed


@dataclass(frozen=True)
class Pause:
    """For how long after failures nothing is started again. All in seconds."""

    delay: float = 0.0
    failed_at: float = float("-inf")

    @property
    def until(self) -> float:
        """The instant from which a start may be tried again."""
        return self.failed_at + self.delay

    def after(self, now: float, *, first: float) -> "Pause":
        """Return the pause after a failure; ``first`` is the delay where the failure ends a calm."""
        if now - self.failed_at > CALM_SECONDS:
            return Pause(first, now)
        return Pause(min(max(FIRST_DELAY, 2 * self.delay), LONGEST_DELAY), now)


@dataclass(frozen=True)
class WorkerState:
    """A worker: coming up, ready to accept, accepting, draining, or killed and not yet buried.

    Attributes:
        kill_at: the instant at which the parent kills the worker; set when it begins to drain, and again at each kill.
        hurried: it drains, and has been told that a revision waits for it to end.
        worn: the setting whose limit it has passed, which asks for a replacement.
    """

    number: int
    revision: Revision | None
    state: Literal["starting", "ready", "serving", "draining", "killed"] = "starting"
    kill_at: float | None = None
    worn: str | None = None
    hurried: bool = False


@dataclass(frozen=True)
class Rollout:
    """Workers on their way up, by number; ``replaces`` is the worn worker that a replacement is for."""

    purpose: Purpose
    revision: Revision | None
    workers: tuple[int, ...]
    started: float
    deadline: float
    replaces: int | None = None
    asked_by: tuple[Asker, ...] = ()

    @property
    def number(self) -> int | None:
        """The revision's number, for the log."""
        return self.revision.number if self.revision else None


@dataclass(frozen=True)
class State:
    """All that the parent has decided so far.

    Attributes:
        note: why the gateway is not ready, or why a revision waits; empty where there is nothing to say.
        served: the revision last acked by this parent.
        last: the number of the worker forked last.
        current, candidate, secrets: where these links pointed, and the newest secret set, when they were taken up.
        unfit: the secret set with which what is served was refused last.
        obstacle: what stood in the place of `current` at the last look.
        asked: who waits for a reload that has not begun.
        retry_at: when `current` is taken up again although it has not moved.
        waiting: nothing to serve is known, so a placeholder is wanted.
        refusal: the refused revision instead of which another is to be brought up.
        exhausted, acked: whether none is left that was not tried, until `acked` moves from where it pointed last.
        retired: the drain of the stop has begun.
    """

    phase: Phase = "starting"
    note: str = ""
    served: Revision | None = None
    workers: tuple[WorkerState, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    last: int = 0
    current: str | None = None
    candidate: str | None = None
    secrets: int = 0
    unfit: int = 0
    obstacle: str | None = None
    asked: tuple[Asker, ...] = ()
    retry_at: float | None = None
    pause: Pause = Pause()
    waiting: bool = False
    refusal: FallBack | None = None
    exhausted: bool = False
    acked: str | None = None
    listening: bool = False
    stopping_since: float | None = None
    retired: bool = False

    @property
    def reloading(self) -> bool:
        """Whether a rollout is under way that replaces every worker."""
        return bool(self.under_way("reload", "fallback", "placeholder"))

    @property
    def empty(self) -> bool:
        """Whether the gateway starts and no worker of its own accepts."""
        return self.phase == "starting" and not self.having("serving")

    @property
    def rotating(self) -> Revision | None:
        """The served revision, where it is served with another secret set than was taken up last."""
        return self.served if self.served is not None and self.served.secrets != self.secrets else None

    def having(self, *states: str) -> tuple[WorkerState, ...]:
        """Return the workers in one of ``states``."""
        return tuple(worker for worker in self.workers if worker.state in states)

    def under_way(self, *purposes: Purpose) -> tuple[Rollout, ...]:
        """Return the rollouts for ``purposes``."""
        return tuple(rollout for rollout in self.rollouts if rollout.purpose in purposes)

    def rollout_of(self, number: int) -> Rollout | None:
        """Return the rollout that brings up this worker, None for any other worker."""
        return next((rollout for rollout in self.rollouts if number in rollout.workers), None)

    def complete(self, rollout: Rollout) -> bool:
        """Whether every worker of ``rollout`` is ready."""
        return {worker.number for worker in self.having("ready")} >= set(rollout.workers)

    def replaced_by(self, rollout: Rollout) -> tuple[WorkerState, ...]:
        """Return the workers that drain once those of ``rollout`` accept."""
        serving = self.having("serving")
        if rollout.purpose == "replacement":
            return tuple(worker for worker in serving if worker.number == rollout.replaces)
        return serving

    def superseded_by(self, rollout: Rollout) -> tuple[Rollout, ...]:
        """Return the rollouts that are on an earlier revision once ``rollout`` has finished."""
        return () if rollout.purpose == "replacement" else self.under_way("replacement")

    def older(self, revision: Revision) -> str | None:
        """Return the reason against a revision that is older than the served one, None for any other revision."""
        if self.phase != "serving" or self.served is None or revision.number >= self.served.number:
            return None
        served = self.served.number
        return f"revision {revision.number} is older than {served}, which is served; a rollback is a new revision"


class Turn:
    """One step under way: the state as far as it is decided, and the actions so far."""

    STOPPING = "the gateway is stopping"
    NO_REVISION = "waiting for syncd to put the first revision at {}/current"
    TOO_LATE = "not ready within ROUTEIQ_RELOAD_TIMEOUT_SECONDS={:g}"
    TOO_MANY = "a new revision waits: {} workers are draining, the most that ROUTEIQ_MAX_DRAINING_WORKERS allows"

    def __init__(self, state: State, now: float, settings: Settings) -> None:
        self.state, self.now, self.settings = state, now, settings
        self.actions: list[Action] = []

    def set(self, **changes: Any) -> None:  # noqa: ANN401 - as `dataclasses.replace` takes them
        """Change attributes of the state."""
        self.state = replace(self.state, **changes)

    def change(self, number: int, **changes: Any) -> None:  # noqa: ANN401 - as above
        """Change attributes of a worker."""
        self.set(workers=tuple(replace(w, **changes) if w.number == number else w for w in self.state.workers))

    def forget(self, number: int) -> None:
        """Drop a worker that does not exist any more."""
        self.set(workers=tuple(worker for worker in self.state.workers if worker.number != number))

    def join(self, rollout: Rollout, asker: Asker) -> None:
        """Have ``asker`` told the outcome of a rollout."""
        joined = replace(rollout, asked_by=(*rollout.asked_by, asker))
        self.set(rollouts=tuple(joined if one == rollout else one for one in self.state.rollouts))

    def ask(self, asker: Asker | None, current: str | None) -> None:
        """Join the reload under way if it is on what `current` points to now, else ask for another."""
        state = self.state
        joined = next(iter(state.under_way("reload", "fallback")), None)
        if asker is None:
            self.set(current=None)
        elif state.stopping_since is not None:
            self.tell([asker], result="nack", reason=self.STOPPING)
        elif joined is not None and current == state.current:
            self.join(joined, asker)
        else:
            self.set(asked=(*state.asked, asker))

    def take_asked(self) -> tuple[Asker, ...]:
        """Remove and return those who asked for a reload that has not begun; the caller has to answer them."""
        asked = self.state.asked
        self.set(asked=())
        return asked

    def do(self, *wanted: Action) -> None:
        """Add to the actions."""
        self.actions += wanted

    def log(self, level: Level, event: str, worker: int | None = None, **fields: object) -> None:
        """Write a line of the log."""
        self.do(Log(level, event, fields, worker))

    def tell(self, askers: Iterable[Asker], **fields: object) -> None:
        """Answer those who asked for a reload."""
        self.do(*(Send(number, "reloaded", {"id": question, **fields}) for number, question in askers))

    def note(self, event: str, note: str) -> None:
        """Show and log why something has to wait, once."""
        if self.state.note != note:
            self.set(note=note)
            self.log("warning", event, reason=note)
            self.do(Do.PUBLISH)

    def wait(self, reason: str, event: str = "not ready") -> None:
        """Give the reason, by a placeholder too where nothing is served."""
        self.note(event, reason)
        self.set(waiting=True)

    def put_off_trial(self, reason: str) -> None:
        """Try the candidate later: it is not to blame."""
        self.set(candidate=None)
        self.log("warning", "trial put off", reason=reason)

    def pause(self, first: float) -> None:
        """Begin or lengthen the pause after a failure."""
        self.set(pause=self.state.pause.after(self.now, first=first))

    def accept(self, numbers: Iterable[int]) -> None:
        """Let ready workers accept."""
        for number in numbers:
            self.change(number, state="serving")
            self.do(Send(number, "accept"))

    def retire(self, workers: Iterable[WorkerState], seconds: float, *, idle: float, pass_on: bool) -> None:
        """Drain workers; past the limit they are killed.

        Args:
            workers: any that serve or drain.
            seconds: the limit.
            idle: seconds without a request after which they close a connection.
            pass_on: others accept, and take their idle connections.
        """
        for worker in workers:
            self.change(worker.number, state="draining", kill_at=self.now + seconds + FLUSH_SECONDS)
            self.do(Send(worker.number, "drain", {"seconds": seconds, "idle": idle, "pass_on": pass_on}))

    def hurry(self, workers: Iterable[WorkerState], note: str) -> None:
        """Have draining workers wait less for idle connections that nobody could take, since a revision waits."""
        self.note("reload deferred", note)
        fields = {"seconds": self.settings.drain, "idle": IDLE_AT_STOP, "pass_on": True}
        for worker in (each for each in workers if not each.hurried):
            self.change(worker.number, hurried=True)
            self.do(Send(worker.number, "drain", fields))

    def kill(self, workers: Iterable[WorkerState]) -> None:
        """Kill workers, and again if they have not ended a while later."""
        for worker in workers:
            self.change(worker.number, state="killed", kill_at=self.now + FLUSH_SECONDS)
            self.do(Kill(worker.number))

    def kill_overdue(self) -> None:
        """Kill the workers that should have ended by now."""
        for worker in self.state.workers:
            if worker.kill_at is not None and self.now > worker.kill_at:
                self.log("warning", "killing a worker past its drain limit", worker=worker.number)
                self.kill([worker])

    def abandon(self, rollout: Rollout) -> None:
        """End a rollout and kill its workers: they have accepted nothing."""
        self.set(rollouts=tuple(other for other in self.state.rollouts if other != rollout))
        self.kill(worker for worker in self.state.workers if worker.number in rollout.workers)

    def end(self) -> None:
        """Note that the last worker of a gateway that stops has ended."""
        if self.state.phase == "draining" and not self.state.workers:
            self.set(phase="stopped")
            self.do(Do.PUBLISH)
