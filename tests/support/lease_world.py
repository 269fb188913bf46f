"""A small world in memory: one lease row, its revisions, and candidates that decide by the real `core.lease`.

Time is whole seconds. Every step of every actor is an action that a search or a random walk may choose in any order;
an actor that is not chosen is paused. ``fence`` takes the check out of the publish and ``gap`` the step over lost
epochs out of the acquisition, to show what they are for. With ``standby`` the database may fail over to what a standby
had replayed.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from routeiq_syncd.lease import EPOCH_GAP, Grant, Lease, Lost, Term, Timing, Try, begin, consider, extend, trusted

TIMING = Timing(lease=3.0, renew=1.0)
NOWHEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Actor:
    """One process: its term if it believes in one, and how far its publish has come."""

    name: str
    term: Term | None = None
    ready: bool = False  # has looked at its clock and is about to publish
    seen_guarded: int | None = None
    connected: bool = True


@dataclass(frozen=True)
class Row:
    """The lease row; ``expires`` is the database's time."""

    holder: str
    epoch: int
    expires: float
    history: int = 1


@dataclass(frozen=True)
class World:
    """All there is. ``log`` holds of each revision its number, the epoch it names, and the row's at that moment."""

    actors: tuple[Actor, ...] = (Actor("a"), Actor("b"), Actor("c"))
    row: Row | None = None
    now: float = 0.0
    log: tuple[tuple[int, int, int], ...] = ()
    granted: tuple[int, ...] = ()
    fence: bool = field(default=True)
    gap: bool = True
    standby: bool = False
    replayed: Row | None = None
    history: int = 1

    def actions(self) -> list[tuple[str, int]]:
        """Everything that may happen next."""
        possible: list[tuple[str, int]] = [("tick", 0)]
        if self.standby:
            possible += [("replay", 0)] + ([("fail over", 0)] if self.replayed else [])
        for index, actor in enumerate(self.actors):
            if actor.term is None:
                possible += [("acquire", index), ("acquire, answer lost", index)]
            else:
                possible += [("renew", index), ("renew, answer lost", index), ("release", index)]
                possible.append(("publish", index) if actor.ready else ("get ready", index))
            possible.append(("cut" if actor.connected else "reconnect", index))
        return possible

    def after(self, action: str, index: int) -> "World":
        """The world after one action."""
        actor = self.actors[index]
        match action:
            case "tick":
                return replace(self, now=self.now + 1)
            case "acquire" | "acquire, answer lost":
                return self._acquire(index, answered=action == "acquire")
            case "renew" | "renew, answer lost":
                return self._renew(index, answered=action == "renew")
            case "release":
                assert actor.term is not None
                ours = self._holds(actor.term) and self.row is not None
                freed = replace(self.row, expires=self.now) if ours and self.row else self.row
                return replace(self, row=freed).with_actor(index, replace(actor, term=None, ready=False))
            case "get ready":
                assert actor.term is not None
                if trusted(actor.term, self.now):
                    return self.with_actor(index, replace(actor, ready=True))
                return self.with_actor(index, replace(actor, term=None))
            case "publish":
                return self._publish(index)
            case "replay":
                return replace(self, replayed=self.row)
            case "fail over":
                cut = tuple(replace(actor, connected=False) for actor in self.actors)
                return replace(self, row=self.replayed, history=self.history + 1, actors=cut)
            case _:
                return self.with_actor(index, replace(actor, connected=not actor.connected))

    def wrong(self) -> str | None:
        """The invariant that is broken, None for none."""
        numbers = [number for number, _, _ in self.log]
        if numbers != sorted(set(numbers)):
            return f"numbers fell: {numbers}"
        if any(named != held for _, named, held in self.log):
            return f"a revision was recorded under an epoch that was over: {self.log}"
        if list(self.granted) != sorted(set(self.granted)):
            return f"an epoch was used twice: {self.granted}"
        return None

    def with_actor(self, index: int, actor: Actor) -> "World":
        """The same world with another actor in place ``index``."""
        return replace(self, actors=(*self.actors[:index], actor, *self.actors[index + 1 :]))

    def _holds(self, term: Term) -> bool:
        row = self.row
        named = row is not None and (row.holder, row.epoch, row.history) == (term.holder_id, term.epoch, self.history)
        return named and row is not None and row.expires > self.now

    def _guarded(self) -> bool:
        """Whether the holder of the row's epoch has its connection."""
        row = self.row
        return row is not None and any(
            actor.connected and actor.term is not None and actor.term.epoch == row.epoch for actor in self.actors
        )

    def _acquire(self, index: int, *, answered: bool) -> "World":
        """As the statement does: expired, ours, or seen guarded and deserted now."""
        actor, row = self.actors[index], self.row
        lease = None
        if row is not None:
            void = row.history != self.history
            lease = Lease(row.holder, row.epoch, row.expires - self.now, NOWHEN, self._guarded(), void=void)
        if lease is not None and lease.guarded:
            actor = replace(actor, seen_guarded=lease.epoch)
        if not isinstance(consider(lease, actor.seen_guarded, actor.name), Try):
            return self.with_actor(index, actor)
        lost = EPOCH_GAP * (self.history - 1) if self.gap else 0
        epoch = max(row.epoch if row else 0, lost) + 1
        granted = Row(actor.name, epoch, self.now + TIMING.lease, self.history)
        world = replace(self, row=granted, granted=(*self.granted, epoch))
        term = begin(actor.name, Grant(epoch, NOWHEN), self.now, TIMING) if answered else None
        return world.with_actor(index, replace(actor, term=term, ready=False))

    def _renew(self, index: int, *, answered: bool) -> "World":
        actor = self.actors[index]
        assert actor.term is not None
        if not trusted(actor.term, self.now):
            return self.with_actor(index, replace(actor, term=None, ready=False))
        answer = Grant(actor.term.epoch, NOWHEN) if self._holds(actor.term) else Lost()
        row = self.row
        world = self
        if isinstance(answer, Grant) and row is not None:
            world = replace(self, row=replace(row, expires=self.now + TIMING.lease))
        if not answered:
            return world
        term = extend(actor.term, answer, self.now, TIMING) if isinstance(answer, Grant) else None
        return world.with_actor(index, replace(actor, term=term, ready=actor.ready and term is not None))

    def _publish(self, index: int) -> "World":
        actor = self.actors[index]
        assert actor.term is not None
        assert self.row is not None
        if self.fence and not self._holds(actor.term):
            return self.with_actor(index, replace(actor, term=None, ready=False))
        entry = (len(self.log) + 1, actor.term.epoch, self.row.epoch)
        return replace(self, log=(*self.log, entry)).with_actor(index, replace(actor, ready=False))
