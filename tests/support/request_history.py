"""What clients asked a fleet for, and what was done to what they asked: pure, for `tests.support.history`.

Times are seconds of one monotonic clock.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A client's request has its end.

    Attributes:
        replica: the replica's index.
        what: what was asked for.
        began, ended: when.
        port: the client's port of the connection; 0 where there was none.
        problem: what was wrong with the answer, empty where it came whole.
        digest: of the configuration that gave the answer, empty where the answer does not tell.
    """

    replica: str
    what: str
    began: float
    ended: float
    port: int = 0
    problem: str = ""
    digest: str = ""


@dataclass(frozen=True)
class WorkerKilled:
    """A worker was stopped at ``since``, and was gone at ``until``, with connections to these ports of clients."""

    replica: str
    since: float
    until: float
    ports: frozenset[int]


@dataclass(frozen=True)
class Down:
    """Nothing of a replica listened, from ``since`` until it was ready again at ``until``.

    Attributes:
        killed: with what it was answering; else it was told to stop, and answered what it had first.
    """

    replica: str
    since: float
    until: float
    killed: bool = True


def lost(events: Iterable[object]) -> Iterator[str]:
    """Yield a sentence for each request that failed, unless it was inside a killed worker or its replica was down."""
    history = list(events)
    kills = [event for event in history if isinstance(event, WorkerKilled)]
    downs = [event for event in history if isinstance(event, Down)]
    for asked in history:
        if not isinstance(asked, Asked) or not asked.problem:
            continue
        if not any(_inside(asked, kill) for kill in kills) and not any(_without(asked, down) for down in downs):
            yield (
                f"7, 8: a {asked.what} at replica {asked.replica} failed, though its worker was not killed: "
                f"{asked.problem} (from {asked.began:.3f} to {asked.ended:.3f}, port {asked.port})"
            )


def _inside(asked: Asked, kill: WorkerKilled) -> bool:
    there = asked.replica == kill.replica and asked.port in kill.ports
    return there and asked.began <= kill.until and asked.ended >= kill.since


def _without(asked: Asked, down: Down) -> bool:
    there = asked.replica == down.replica and asked.began <= down.until and asked.ended >= down.since
    return there and (down.killed or asked.began >= down.since)
