"""Plans: what a holder publishes, and what a replica does about the desired revision. Pure; executed elsewhere."""

from dataclasses import dataclass

from routeiq_syncd.core.decide import Refuse, Rules, Same, examine
from routeiq_syncd.core.fetch import Fetched
from routeiq_syncd.core.problem import Problem
from routeiq_syncd.core.revision import Manifest


@dataclass(frozen=True)
class Head:
    """The newest revision in the database, which is the desired one."""

    number: int
    digest: str


@dataclass(frozen=True)
class Publish:
    """The content becomes a revision with a number above ``floor``; the transaction finds the number."""

    floor: int
    warnings: tuple[Problem, ...]


def plan_publish(fetched: Fetched, head: Head | None, floor: int, rules: Rules) -> Same | Refuse | Publish:
    """Decide what becomes of a fetched bundle.

    Args:
        fetched: what the source holds.
        head: the desired revision, None for none.
        floor: the highest number that any replica is known to have had. A database that was restored, or that failed
            over and lost its last commits, is behind it; the same content is then published anew above it, since no
            replica goes back.
        rules: limits, names of the environment, and who publishes.
    """
    held = head.digest if head is not None and head.number >= floor else None
    match examine(fetched, held, rules):
        case Same() | Refuse() as settled:
            return settled
        case warnings:
            return Publish(max(floor, head.number if head else 0), warnings)


@dataclass(frozen=True)
class Nothing:
    """No revision is published yet."""


@dataclass(frozen=True)
class UpToDate:
    """The volume holds the desired revision."""


@dataclass(frozen=True)
class Take:
    """The desired revision has to come to the volume."""

    number: int


@dataclass(frozen=True)
class Behind:
    """The database is behind this volume, and a volume never goes back; the holder publishes above it."""

    desired: int
    held: int


def plan_materialise(head: Head | None, current: Manifest | None, highest: int) -> Nothing | UpToDate | Take | Behind:
    """Decide what a replica does; ``highest`` is the highest number that its volume has ever shown."""
    if head is None:
        return Nothing()
    if current is not None and (current.number, current.digest) == (head.number, head.digest):
        return UpToDate()
    if head.number < highest or (current is not None and head.number <= current.number):
        return Behind(head.number, max(highest, current.number if current else 0))
    return Take(head.number)


def is_unpublished(current: Manifest | None, head: Head | None) -> bool:
    """Whether the volume holds content that no holder has published: fetched while the database was away."""
    if current is None or current.publisher.epoch > 0:
        return False
    return head is None or (head.number, head.digest) != (current.number, current.digest)
