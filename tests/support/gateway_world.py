"""A small world in memory around the gateway's parent: its processes, its volume, and the rules of `generations`.

Every worker's fate and every change outside is an action that a search or a random walk may choose in any order. What
the rules decide is carried out at once, as the loop does. ``processes`` is the truth about the workers, kept from
nothing but the actions, so that the rules are not judged by what they believe.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.actions import Do
from routeiq_gateway.parent.events import Event
from routeiq_gateway.parent.generations import step
from routeiq_gateway.parent.state import FIRST_DELAY, FLUSH_SECONDS, State
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.volume import Revision

LIMITS = Settings.model_construct(
    volume=Path("volume"), workers=2, reload_timeout=2.0, drain=2.0, prestop=1.0, most_draining=4
)
SHORT, LONG = 0.25, 5.0  # seconds of the two ticks: within a pause, and past every time-out but the killing
MOST_ACTIONS = 40
ENDLESS = 30  # turns in which a gateway that is told to stop twice has ended


@cache
def revision(number: int) -> Revision:
    """Return the revision with this number."""
    return Revision(number, f"digest-{number}", Path(f"revisions/{number}"))


@dataclass(frozen=True)
class Process:
    """One worker's process: what the actions made of it."""

    number: int
    revision: int  # 0: a placeholder
    purpose: str
    doing: str = "starting"  # starting, ready, accepting, draining, killed


@dataclass(frozen=True)
class World:
    """All there is.

    Attributes:
        current: the number of the revision at `current`; 0 for none, negative for a revision that cannot be read.
        good: the number of the last known good of an earlier gateway, 0 for none.
        moves, asks: how often `current` may still move, and a reload may still be asked for.
        acked: the numbers that were acked, in order.
        failed: when a start last failed, by what was started. A reload that is asked for clears its entry.
        broken: the invariant that a step broke.
    """

    state: State = field(default_factory=State)
    now: float = 100.0
    processes: tuple[Process, ...] = ()
    current: int = 0
    good: int = 0
    orphans: bool = False
    forks: bool = True
    moves: tuple[int, ...] = ()
    asks: int = 1
    acked: tuple[int, ...] = ()
    failed: tuple[tuple[str, float], ...] = ()
    broken: str | None = None

    def choices(self) -> list[tuple[str, int]]:
        """Everything that may happen next."""
        possible = [("tick", 0), ("long tick", 0), ("stop", 0), ("toggle forks", 0)]
        possible += [("move", number) for number in self.moves]
        possible += [("orphans end", 0)] if self.orphans else []
        for process in self.processes:
            possible.append(("die", process.number))
            if process.doing == "starting":
                possible += [("ready", process.number), ("refuse", process.number), ("outage", process.number)]
            if process.doing == "accepting":
                possible.append(("worn", process.number))
                possible += [("ask", process.number)] if self.asks else []
        return possible

    def after(self, action: str, number: int) -> "World":
        """The world after one action."""
        match action:
            case "tick" | "long tick":
                seconds = SHORT if action == "tick" else LONG
                return replace(self, now=self.now + seconds).look()
            case "move":
                rest = tuple(move for move in self.moves if move != number)
                return replace(self.unpaused(), current=number, moves=rest).look()
            case "toggle forks":
                return replace(self, forks=not self.forks)
            case "orphans end":
                return replace(self, orphans=False)
            case "stop":
                return self.feed(events.Stop())
            case "die":
                return self.without(number).feed(events.Died(number, "signal SIGKILL"))
            case "ready":
                return self.doing(number, "ready").feed(events.Ready(number))
            case "refuse":
                return self.failing(number).feed(events.Failed(number, "bad model"))
            case "outage":
                return self.failing(number).feed(events.Failed(number, "the database is away", passing=True))
            case "worn":
                return self.feed(events.Worn(number, "LIMIT"))
            case _:
                asked = replace(self.unpaused(), asks=self.asks - 1)
                return asked.feed(events.ReloadAsked((number, 1), self.target())).look()

    def look(self) -> "World":
        """A turn of the loop."""
        return self.feed(events.Tick(self.target(), None))

    def target(self) -> str | None:
        """Where `current` points."""
        return f"revisions/{self.current}" if self.current else None

    def feed(self, event: Event) -> "World":
        """Have an event decided about, and carry out what is decided, results first."""
        world, pending, turns = self, [event], 0
        while pending:
            turns += 1
            if turns > MOST_ACTIONS:
                return replace(world, broken="one event brings events without end")
            state, wanted = step(world.state, pending.pop(0), world.now, LIMITS)
            before, world = world, replace(world, state=state)
            broken = world.spins(wanted)
            results: list[Event] = []
            for action in wanted:
                world, brought = world.carry_out(action)
                results += brought
            pending = results + pending
            broken = broken or wrong(before, world, wanted)
            if broken:
                return replace(world, broken=broken)
        return world

    def carry_out(self, action: actions.Action) -> tuple["World", list[Event]]:
        """Do as an action says; return the events that it brings."""
        match action:
            case actions.Read(purpose, _) if self.current > 0:
                return self, [events.Staged(purpose, revision(self.current))]
            case actions.Read(purpose, _):
                number = -self.current
                return self, [events.NotStaged(purpose, number, f"digest-{number}", "damaged")]
            case actions.FallBack(number, digest, reason):
                if not self.forks:
                    return self, [events.NotStaged("fallback", number, digest, reason, passing=True)]
                if self.good and self.good != number:
                    return self, [events.Staged("fallback", revision(self.good))]
                return self, [events.NotStaged("fallback", number, digest, reason)]
            case actions.Fork(number, wanted, _):
                return self.fork(number, wanted.number if wanted else 0)
            case actions.Send(number, "accept"):
                ready = any(one.number == number and one.doing == "ready" for one in self.processes)
                return (self.doing(number, "accepting") if ready else self), []
            case actions.Send(number, "drain"):
                return self.doing(number, "draining"), []
            case actions.Kill(number):
                return self.doing(number, "killed"), []
            case actions.Ack(served):
                return replace(self, acked=(*self.acked, served.number)), []
            case Do.ASK_ORPHANS:
                return self, [events.Orphans(self.orphans)]
        return self, []

    def fork(self, number: int, wanted: int) -> tuple["World", list[Event]]:
        """Start a process, or fail to."""
        rollout = self.state.rollout_of(number)
        purpose = rollout.purpose if rollout else "none"
        world = replace(self, processes=(*self.processes, Process(number, wanted, purpose)))
        if self.forks:
            return world, []
        return world.failing(number).without(number), [events.NotForked(number, "Resource temporarily unavailable")]

    def spins(self, wanted: Iterable[actions.Action]) -> str | None:
        """What a step starts again although it has failed just now, None for nothing."""
        for action in wanted:
            rollout = self.state.rollout_of(action.worker) if isinstance(action, actions.Fork) else None
            if rollout is not None:
                key = f"{rollout.purpose} {rollout.number or 0}"
                last = dict(self.failed).get(key)
                if last is not None and self.now - last < FIRST_DELAY:
                    return f"spins: {key} is started again {self.now - last:g} s after it failed"
        return None

    def failing(self, number: int) -> "World":
        """The same world, in which a start has failed just now."""
        process = next(process for process in self.processes if process.number == number)
        failed = {**dict(self.failed), f"{process.purpose} {process.revision}": self.now}
        return replace(self, failed=tuple(sorted(failed.items())))

    def unpaused(self) -> "World":
        """The same world, in which a revision may be started again at once: `current` moves, or somebody asks."""
        kept = (entry for entry in self.failed if entry[0].startswith(("replacement", "placeholder")))
        return replace(self, failed=tuple(kept))

    def doing(self, number: int, what: str) -> "World":
        """The same world with a process that does something else."""
        changed = (replace(one, doing=what) if one.number == number else one for one in self.processes)
        return replace(self, processes=tuple(changed))

    def without(self, number: int) -> "World":
        """The same world without a process; where it was on its way up, its start has failed."""
        dying = [one for one in self.processes if one.number == number and one.doing in {"starting", "ready"}]
        world = self.failing(number) if dying else self
        return replace(world, processes=tuple(one for one in self.processes if one.number != number))

    def accepting(self) -> list[Process]:
        """The processes that accept."""
        return [process for process in self.processes if process.doing == "accepting"]

    def essence(self) -> "World":
        """The same world with workers numbered from one and time from now on, so that equal futures are equal."""
        numbers = {worker.number: index for index, worker in enumerate(self.state.workers, 1)}
        state, now = self.state, self.now

        def ahead(instant: float | None) -> float | None:
            return None if instant is None else max(instant - now, -SHORT)

        workers = tuple(
            replace(worker, number=numbers[worker.number], kill_at=ahead(worker.kill_at)) for worker in state.workers
        )
        rollouts = tuple(
            replace(
                rollout,
                workers=tuple(numbers[number] for number in rollout.workers),
                started=0.0,
                deadline=ahead(rollout.deadline) or 0.0,
                replaces=numbers.get(rollout.replaces or 0),
                asked_by=(),
            )
            for rollout in state.rollouts
        )
        bare = replace(
            state,
            workers=workers,
            rollouts=rollouts,
            last=len(numbers),
            note="",
            asked=tuple((0, 0) for _ in state.asked),
            retry_at=ahead(state.retry_at),
            pause=replace(state.pause, failed_at=max(state.pause.failed_at - now, -100.0)),
            stopping_since=ahead(state.stopping_since),
        )
        processes = tuple(replace(one, number=numbers.get(one.number, 0)) for one in self.processes)
        failed = tuple((key, at - now) for key, at in self.failed if now - at < FIRST_DELAY)
        return replace(self, state=bare, now=0.0, processes=processes, failed=failed, acked=self.acked[-1:])

    def endless(self) -> str | None:
        """Stop the gateway for good; the workers that are left then, None for none."""
        world = self if self.state.stopping_since is not None else self.feed(events.Stop())
        for _ in range(ENDLESS):
            if world.state.phase == "stopped":
                return f"processes are left: {world.processes}" if world.processes else None
            for process in [process for process in world.processes if process.doing == "killed"]:
                world = world.after("die", process.number)
            world = replace(world, now=world.now + FLUSH_SECONDS).look()
        return f"the gateway does not end: {world.processes}"


def wrong(before: World, after: World, wanted: Iterable[actions.Action]) -> str | None:
    """The invariant that one step broke, None for none."""
    if len(tuple(wanted)) > MOST_ACTIONS:
        return "one step brings too many actions"
    served = {process.revision for process in after.accepting()}
    if len(served) > 1:
        return f"readiness spans revisions {sorted(served)}"
    if list(after.acked) != sorted(after.acked):
        return f"a number fell: {after.acked}"
    for worker in after.state.workers:
        if worker.state in {"draining", "killed"} and worker.kill_at is None:
            return f"worker {worker.number} may drain for ever"
    if after.state.stopping_since is None:
        given_up = {process.number for process in before.accepting()} - {one.number for one in after.accepting()}
        if given_up and len(after.accepting()) < len(before.accepting()):
            return f"serving workers {sorted(given_up)} were given up for less"
    return None


def starting(**given: object) -> World:
    """A gateway that has just started."""
    return replace(World(**given)).look()  # type: ignore[arg-type]  # the names are the world's own


def serving(**given: object) -> World:
    """A gateway whose two workers serve revision 2."""
    world = starting(current=2, **given)
    for number in (1, 2):
        world = world.after("ready", number)
    assert world.state.phase == "serving"
    return world
