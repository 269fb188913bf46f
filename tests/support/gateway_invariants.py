"""What a world around the gateway's parent is, and what must hold in it after every step."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.events import Event
from routeiq_gateway.parent.state import FIRST_DELAY, FLUSH_SECONDS, State
from routeiq_gateway.settings import Settings

LIMITS = Settings.model_construct(
    volume=Path("volume"), workers=2, reload_timeout=2.0, drain=2.0, prestop=1.0, most_draining=2
)
MOST_ACTIONS = 40
FULL_SETS = ("reload", "fallback")


@dataclass(frozen=True)
class Process:
    """One worker's process: what the actions made of it, and since when it exists."""

    number: int
    revision: int  # 0: a placeholder
    purpose: str
    since: float
    doing: str = "starting"  # starting, ready, accepting, draining, killed
    secrets: int = 0


@dataclass(frozen=True)
class Facts:
    """All there is.

    Attributes:
        current: the number of the revision at `current`; 0 for none, negative for a revision that cannot be read.
        candidate: the same of `candidate`.
        good: the number of the last known good of an earlier gateway, 0 for none.
        link, acks: the number at the link `acked`, 0 for none, and the numbers that may come to stand there.
        forks, disk: whether a process can be forked, and whether a revision can be laid out.
        fills: whether the disk may become full, and empty again.
        secrets, sets: the number of the newest secret set, and those that may still follow.
        moves, trials: where `current` and `candidate` may still point.
        asks: how often a reload may still be asked for, by a client or by SIGHUP.
        owed: a reload was asked for during another, so that one may follow on it at once.
        acked: the numbers that were acked, in order.
        failed: when a start last failed, by what was started. A reload that is asked for clears its entry.
        broken: the invariant that a step broke.
    """

    state: State = field(default_factory=State)
    now: float = 100.0
    processes: tuple[Process, ...] = ()
    current: int = 0
    candidate: int = 0
    good: int = 0
    link: int = 0
    acks: tuple[int, ...] = ()
    orphans: bool = False
    forks: bool = True
    disk: bool = True
    fills: bool = False
    secrets: int = 0
    sets: tuple[int, ...] = ()
    moves: tuple[int, ...] = ()
    trials: tuple[int, ...] = ()
    asks: int = 1
    owed: bool = False
    acked: tuple[int, ...] = ()
    failed: tuple[tuple[str, float], ...] = ()
    broken: str | None = None

    def that(self, *doing: str) -> list[Process]:
        """The processes that do one of these."""
        return [process for process in self.processes if process.doing in doing]


def wrong(before: Facts, after: Facts, event: Event, wanted: tuple[actions.Action, ...]) -> str | None:
    """The invariant that one step broke, None for none."""
    if len(wanted) > MOST_ACTIONS:
        return "one step brings too many actions"
    return (
        spins(before, after.state, wanted)
        or wrongly_served(before, after)
        or too_many(after)
        or wrongly_started(before, after, wanted)
        or endures(before, after, event)
        or keeps_secrets(before, after, event, wanted)
    )


def spins(before: Facts, state: State, wanted: Iterable[actions.Action]) -> str | None:
    """What a step starts or reads again although it has failed just now."""
    for action in wanted:
        match action:
            case actions.Fork(number) if rollout := state.rollout_of(number):
                secrets = rollout.revision.secrets if rollout.revision else 0
                key = f"{rollout.purpose} {rollout.number or 0}.{secrets}"
            case actions.Read(purpose, target):
                key = f"read {purpose} {target}"
            case actions.FallBack():
                key = "read fallback"
            case _:
                continue
        last = dict(before.failed).get(key)
        if last is not None and before.now - last < FIRST_DELAY:
            return f"spins: {key} is started again {before.now - last:g} s after it failed"
    return None


def wrongly_served(before: Facts, after: Facts) -> str | None:
    """One revision is served, by workers that are there to serve, and none is given up for less."""
    accepting = after.that("accepting")
    served = {process.revision for process in accepting}
    if len(served) > 1:
        return f"readiness spans revisions {sorted(served)}"
    if len({process.secrets for process in accepting}) > 1:
        return f"workers accept with secret sets {sorted({process.secrets for process in accepting})}"
    if any(process.purpose == "trial" for process in accepting):
        return "a worker of a trial accepts"
    if list(after.acked) != sorted(after.acked):
        return f"a number fell: {after.acked}"
    if after.state.stopping_since is None:
        given_up = {process.number for process in before.that("accepting")} - {one.number for one in accepting}
        if given_up and len(accepting) < len(before.that("accepting")):
            return f"serving workers {sorted(given_up)} were given up for less"
    return None


def too_many(after: Facts) -> str | None:
    """At most a full set comes up for a revision, one worker for anything else, and for each missing worker one."""
    coming = Counter(process.purpose for process in after.that("starting", "ready"))
    most = dict.fromkeys((*FULL_SETS, "none"), LIMITS.workers) | {"placeholder": 1, "trial": 1}
    most["replacement"] = max(1, LIMITS.workers - len(after.that("accepting")))
    for purpose, count in coming.items():
        if count > most[purpose]:
            return f"too many: {count} workers of a {purpose} come up at a time"
    if sum(coming[purpose] for purpose in FULL_SETS) > LIMITS.workers:
        return "too many: two full sets come up at a time"
    return None


def wrongly_started(before: Facts, after: Facts, wanted: Iterable[actions.Action]) -> str | None:
    """Nothing is begun while something else makes it needless or harmful."""
    still = {process.number for process in after.that("starting", "ready") if process.purpose != "trial"}
    coming = [process for process in before.processes if process.number in still]
    for action in wanted:
        match action:
            case actions.Fork(_, None) if before.orphans:
                return "a placeholder comes up while orphans serve"
            case actions.Fork(number) if (rollout := after.state.rollout_of(number)) and rollout.replaces and coming:
                return f"a worn worker is replaced while a {coming[0].purpose} is under way"
            case actions.Read("reload") if len(before.that("draining")) >= LIMITS.most_draining:
                return "a reload begins although the most workers drain"
    return None


def endures(before: Facts, after: Facts, event: Event) -> str | None:
    """Whatever starts, drains or is killed has its end; at once where the gateway is told to stop a second time."""
    for worker in after.state.workers:
        if worker.state in {"draining", "killed"} and worker.kill_at is None:
            return f"worker {worker.number} may drain for ever"
    if isinstance(event, events.Tick):
        for process in after.that("starting", "ready"):
            if after.now - process.since > LIMITS.reload_timeout:
                return f"worker {process.number} of a {process.purpose} is starting past its deadline"
    if isinstance(event, events.Hung) and event.worker in {one.number for one in after.that("draining")}:
        return f"worker {event.worker} hangs and may drain"
    if isinstance(event, events.Stop) and before.state.stopping_since is not None:
        late = [one.number for one in after.state.workers if (one.kill_at or 0.0) > after.now + FLUSH_SECONDS]
        if late or after.that("starting", "ready", "accepting"):
            return f"told to stop at once, the gateway lets workers {late} drain"
    return None


def keeps_secrets(before: Facts, after: Facts, event: Event, wanted: Iterable[actions.Action]) -> str | None:
    """A newer secret set is taken up, for what is served where `current` is refused, and refuses no revision itself."""
    state, rotating = after.state, after.state.rotating
    if state.phase != "serving" or state.stopping_since is not None:
        return None
    free = not before.state.reloading and len(before.that("draining")) < LIMITS.most_draining
    if isinstance(event, events.Tick) and event.current and free and state.secrets != event.secrets:
        return f"secret set {event.secrets} is not taken up"
    for refused in (action for action in wanted if isinstance(action, actions.Nack)):
        if rotating is None:
            continue
        if refused.number == rotating.number:
            return f"revision {refused.number}, which is served, is told as refused for new secrets"
        later = before.now < before.state.pause.until and state.retry_at is not None
        if actions.Read("reload", rotating.target) not in wanted and not later and state.unfit != state.secrets:
            return f"revision {refused.number} keeps secret set {state.secrets} from use"
    return None
