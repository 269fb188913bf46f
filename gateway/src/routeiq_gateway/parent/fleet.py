"""The parent's children: a rollout brings some up, the fleet keeps those that serve and those that drain.

Every change of workers is a rollout. A reload brings up a full set and replaces all; a replacement brings up one for
a worker that died or has grown too large; a trial brings up one that never accepts. New first, then swap, then the
old ones drain.
"""

from dataclasses import dataclass, field
from typing import Literal

from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.parent.forking import Child
from routeiq_gateway.volume.documents import WorkerEntry
from routeiq_gateway.volume.volume import Revision

Purpose = Literal["reload", "replacement", "trial"]

FLUSH_SECONDS = 10.0  # after its drain limit a worker flushes its logs; past this it is killed


@dataclass(eq=False)
class Rollout:
    """Workers on their way up. ``ready`` counts them; ``failure`` is the first reason against them."""

    purpose: Purpose
    revision: Revision | None
    children: list[Child]
    deadline: float
    started: float
    replaces: list[Child] = field(default_factory=list)
    asked_by: list[tuple[Channel, int]] = field(default_factory=list)
    failure: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every worker is ready."""
        return all(child.state == "ready" for child in self.children)


@dataclass
class Fleet:
    """All children by what they do."""

    serving: list[Child] = field(default_factory=list)
    draining: list[Child] = field(default_factory=list)
    dying: list[Child] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)

    def all(self) -> list[Child]:
        """Return every child there is."""
        rising = [child for rollout in self.rollouts for child in rollout.children]
        return [*self.serving, *self.draining, *self.dying, *rising]

    def rollout_of(self, child: Child) -> Rollout | None:
        """Return the rollout that ``child`` is part of, or None."""
        return next((rollout for rollout in self.rollouts if child in rollout.children), None)

    def reloading(self) -> Rollout | None:
        """Return the reload under way, or None."""
        return next((rollout for rollout in self.rollouts if rollout.purpose == "reload"), None)

    def replacements(self) -> list[Rollout]:
        """Return the replacements under way."""
        return [rollout for rollout in self.rollouts if rollout.purpose == "replacement"]

    def swap(self, rollout: Rollout, *, now: float, drain: float) -> None:
        """Let the workers of ``rollout`` accept, and drain those they replace."""
        self.rollouts.remove(rollout)
        for child in rollout.children:
            child.channel.send("accept")
        self.serving.extend(rollout.children)
        self.retire([child for child in rollout.replaces if child in self.serving], now=now, drain=drain)

    def retire(self, children: list[Child], *, now: float, drain: float) -> None:
        """Drain ``children``; past the limit they are killed."""
        for child in children:
            child.channel.send("drain", seconds=drain)
            child.state = "draining"
            child.kill_at = now + drain + FLUSH_SECONDS
            self.serving.remove(child)
            self.draining.append(child)

    def forget(self, child: Child) -> None:
        """Drop a child that has ended."""
        for group in (
            self.serving,
            self.draining,
            self.dying,
            *(rollout.children for rollout in self.rollouts),
        ):
            if child in group:
                group.remove(child)
        child.channel.close()

    def entries(self) -> tuple[WorkerEntry, ...]:
        """Return the workers as the answer shows them; workers on trial serve nobody and stay out."""
        rising = [child for rollout in self.rollouts if rollout.purpose != "trial" for child in rollout.children]
        return tuple(
            [_entry(child, "ready") for child in self.serving]
            + [_entry(child, "draining") for child in self.draining]
            + [_entry(child, "starting") for child in rising]
        )


def _entry(child: Child, state: Literal["starting", "ready", "draining"]) -> WorkerEntry:
    return WorkerEntry(child.pid, child.revision.number if child.revision else None, state)
