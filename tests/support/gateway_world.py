"""A small world in memory around the gateway's parent: its processes, its volume, and the rules of `generations`.

Every worker's fate and every change outside is an action that a search or a random walk may choose in any order. What
the rules decide is carried out at once, as the loop does. ``processes`` is the truth about the workers, kept from
nothing but the actions, so that the rules are not judged by what they believe.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.actions import Do
from routeiq_gateway.parent.events import Event, Purpose
from routeiq_gateway.parent.generations import step
from routeiq_gateway.parent.state import FIRST_DELAY, FLUSH_SECONDS
from routeiq_gateway.volume.volume import Revision
from tests.support.gateway_invariants import FULL_SETS, LIMITS, MOST_ACTIONS, Facts, Process, wrong

SHORT, LONG = 0.25, 5.0  # seconds of the two ticks: within a pause, and past every time-out but the killing
ENDLESS = 30  # turns in which a gateway that is told to stop twice has ended


@cache
def revision(number: int, secrets: int = 0) -> Revision:
    """Return the revision with this number, to be served with that secret set."""
    return Revision(number, f"digest-{number}", Path(f"revisions/{number}"), secrets=secrets)


@dataclass(frozen=True)
class World(Facts):
    """All there is, and what becomes of it."""

    def choices(self) -> list[tuple[str, int]]:
        """Everything that may happen next."""
        possible = [("tick", 0), ("long tick", 0), ("stop", 0), ("toggle forks", 0)]
        possible += [("move", number) for number in self.moves]
        possible += [("try", number) for number in self.trials]
        possible += [("acked elsewhere", number) for number in self.acks]
        possible += [("rotate", number) for number in self.sets]
        possible += [("orphans end", 0)] if self.orphans else []
        possible += [("toggle disk", 0)] if self.fills else []
        possible += [("hang up", 0)] if self.asks else []
        for process in self.processes:
            possible.append(("die", process.number))
            if process.doing == "starting":
                possible += [("ready", process.number), ("refuse", process.number), ("outage", process.number)]
            if process.doing == "accepting":
                possible += [("worn", process.number), ("hang", process.number)]
                possible += [("ask", process.number)] if self.asks else []
            if process.doing == "draining":
                possible.append(("hang", process.number))
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
            case "try":
                rest = tuple(trial for trial in self.trials if trial != number)
                return replace(self, candidate=number, trials=rest).look()
            case "acked elsewhere":
                rest = tuple(ack for ack in self.acks if ack != number)
                return replace(self, link=number, acks=rest).look()
            case "rotate":
                rest = tuple(made for made in self.sets if made > number)
                return replace(self.unpaused(), secrets=number, sets=rest).look()
            case "toggle disk":
                return replace(self, disk=not self.disk)
            case "hang up" | "ask":
                asker = (number, 1) if action == "ask" else None
                return self.asked().feed(events.ReloadAsked(asker, self.target())).look()
            case "toggle forks":
                return replace(self, forks=not self.forks)
            case "orphans end":
                return replace(self, orphans=False)
            case "stop":
                return self.feed(events.Stop())
            case _:
                return self.fate(action, number)

    def fate(self, action: str, number: int) -> "World":
        """The world after a change of one worker."""
        match action:
            case "die":
                return self.without(number).feed(events.Died(number, "signal SIGKILL"))
            case "ready":
                return self.doing(number, "ready").feed(events.Ready(number))
            case "refuse":
                return self.failing(number).feed(events.Failed(number, "bad model"))
            case "outage":
                return self.failing(number).feed(events.Failed(number, "the database is away", passing=True))
            case "hang":
                return self.feed(events.Hung(number, 60.0, "a stack"))
            case _:
                return self.feed(events.Worn(number, "LIMIT"))

    def look(self) -> "World":
        """A turn of the loop."""
        candidate = f"revisions/{self.candidate}" if self.candidate else None
        obstacle = "a file stands there" if self.acked and not self.current else None
        link = f"revisions/{self.link}" if self.link else None
        return self.feed(events.Tick(self.target(), candidate, obstacle, acked=link, secrets=self.secrets))

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
            here = pending.pop(0)
            state, wanted = step(world.state, here, world.now, LIMITS)
            before, world = world, replace(world, state=state)
            results: list[Event] = []
            for action in wanted:
                world, brought = world.carry_out(action)
                results += brought
            pending = results + pending
            if broken := wrong(before, world, here, wanted):
                return replace(world, broken=broken)
        return world

    def carry_out(self, action: actions.Action) -> tuple["World", list[Event]]:
        """Do as an action says; return the events that it brings."""
        match action:
            case actions.Read(purpose, target):
                return self.read(purpose, int(Path(target).name))
            case actions.FallBack(number, digest, reason, tried):
                if not self.disk:
                    world = self.failing("read fallback")
                    return world, [events.NotStaged("fallback", number, digest, reason, passing=True)]
                for best in sorted({self.good, self.link} - {0}, reverse=True):
                    if revision(best).digest not in tried:
                        return self, [events.Staged("fallback", revision(best, self.secrets))]
                return self, [events.NotStaged("fallback", number, digest, reason)]
            case actions.Fork(number, wanted, _):
                return self.fork(number, wanted)
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

    def read(self, purpose: Purpose, target: int) -> tuple["World", list[Event]]:
        """Lay a revision out, or fail to."""
        if target > 0 and self.disk:
            return self, [events.Staged(purpose, revision(target, self.secrets))]
        number, passing = abs(target), target > 0
        reason = "No space left on device" if passing else "damaged"
        refused = events.NotStaged(purpose, number, f"digest-{number}", reason, passing=passing)
        return self.failing(f"read {purpose} revisions/{target}"), [refused]

    def fork(self, number: int, wanted: Revision | None) -> tuple["World", list[Event]]:
        """Start a process, or fail to."""
        rollout = self.state.rollout_of(number)
        purpose = rollout.purpose if rollout else "none"
        given = (wanted.number, wanted.secrets) if wanted else (0, 0)
        made = Process(number, given[0], purpose, self.now, secrets=given[1])
        world = replace(self, processes=(*self.processes, made))
        if self.forks:
            return world, []
        return world.without(number), [events.NotForked(number, "Resource temporarily unavailable")]

    def asked(self) -> "World":
        """The same world, in which somebody asks for a reload."""
        during = any(process.purpose in FULL_SETS for process in self.that("starting", "ready"))
        return replace(self.unpaused(), asks=self.asks - 1, owed=self.owed or during)

    def failing(self, what: int | str) -> "World":
        """The same world, in which the start of a worker, or a read, has failed just now."""
        if isinstance(what, int):
            process = next(process for process in self.processes if process.number == what)
            what = f"{process.purpose} {process.revision}.{process.secrets}"
        if self.owed and not what.startswith(("replacement", "placeholder", "trial", "read trial")):
            return replace(self, owed=False)
        return replace(self, failed=tuple(sorted({**dict(self.failed), what: self.now}.items())))

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
        coming = self.that("starting", "ready")
        processes = tuple(
            replace(one, number=numbers.get(one.number, 0), since=max(one.since - now, -LONG) if one in coming else 0.0)
            for one in self.processes
        )
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
