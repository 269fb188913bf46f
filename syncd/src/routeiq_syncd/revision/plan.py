"""Plans: what a holder publishes, and what a replica does about the desired revision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from routeiq_syncd.configuration.bundle import CONFIG, written_name
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.history.standing import FREE, Standing
from routeiq_syncd.revision.decide import Hold, Refuse, Rules, Same, examine, hold
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.pointer import Pointer

MOST_ROW_BYTES = 16 * 1024 * 1024
# The state of a replica whose volume has had a number that the database has not, or has with other content.
AHEAD = "ahead"
# The state of a replica that cannot have the desired revision.
STUCK = "stuck"
# Why the database cannot be written: a hot standby answers, or server, database or role are set to read only.
Barred = Literal["", "standby", "read-only"]


# Where content is: the pointer to the whole, and those to files of a prefix by their paths; None for none.
Places = tuple[Pointer | None, Mapping[str, Pointer] | None]


@dataclass(frozen=True)
class Head:
    """The newest revision in the database, which is the desired one."""

    number: int
    digest: str


@dataclass(frozen=True)
class Anew:
    """The desired revision's content is published anew, above ``floor``: a replica is ahead of it."""

    floor: int
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class Publish:
    """The content becomes a revision; the publishing transaction finds its number, which is above ``floor``.

    The content travels in the row, or by ``pointer``: then each replica fetches it.
    """

    floor: int
    warnings: tuple[Problem, ...]
    pointer: Pointer | None


def plan_publish(
    fetched: Fetched,
    head: Head | None,
    rules: Rules,
    *,
    floor: int,
    ahead: int,
    now: datetime,
    places: Places = (None, None),
    lost: bool = False,
    standing: Standing = FREE,
) -> Same | Refuse | Hold | Anew | Publish:
    """Decide what becomes of a fetched bundle.

    Args:
        fetched: what the source holds.
        head: the desired revision, None for none.
        rules: limits, names of the environment, and who publishes.
        floor: the highest number that any replica is known to have had.
        ahead: the highest number that a replica has had and the database has not, or has with other content; 0 for
            none. The database was restored, or failed over and lost its last commits; what the source holds is then
            published anew, content that it knows too, since no replica goes back.
        places: where the desired revision's content is that its row does not hold. Once the source has the same
            content elsewhere, such as at a later version of the object, the earlier version may vanish at any time.
        now: the instant.
        lost: nobody can open the desired revision any more. The same content is then published anew.
        standing: the pin, and what the desired revision passes over. Where they hold the source's content back and
            a replica is ahead, the desired revision's own content is published anew.
    """
    pointed, origins = places
    moved = pointed is not None and pointed != fetched.pointer
    moved |= any(fetched.origins.get(path, origin) != origin for path, origin in (origins or {}).items())
    held = head.digest if head is not None and head.number > ahead and not moved and not lost else None
    warnings = examine(fetched, held, rules)
    if isinstance(warnings, Same | Refuse):
        return warnings
    if held_back := hold(fetched, warnings, now, standing):
        return Anew(max(floor, ahead), warnings) if head is not None and head.number <= ahead else held_back
    name = written_name(fetched.version.location)
    above = max(floor, ahead, head.number if head else 0)
    if fetched.together:
        passing = sum(not origin.lasting for origin in fetched.origins.values())
        return Publish(above, (*warnings, _passing_files(passing)) if passing else warnings, None)
    size, pointer = sum(entry.size for entry in fetched.bundle.entries), fetched.pointer
    if size > rules.bounds.row_bytes and pointer is not None:
        return Publish(above, warnings if pointer.lasting else (*warnings, _passing(name, size)), pointer)
    if size > MOST_ROW_BYTES:
        message = (
            f"the files together have {size} bytes; at most {MOST_ROW_BYTES} travel through the database; put the "
            "configuration into a bucket (CONFIG_SOURCE=s3), from which every replica fetches it"
        )
        return Refuse(fetched.bundle.digest, (Problem(name, None, message),))
    return Publish(above, warnings, None)


def _passing(name: str, size: int) -> Problem:
    message = (
        f"{size} bytes are more than ROUTEIQ_MAX_ROW_BYTES, so each replica fetches them from the bucket, which keeps "
        "no versions: once the object is overwritten, a replica without this revision waits for the next; turn "
        "versioning on"
    )
    return Problem(name, None, message)


def _passing_files(count: int) -> Problem:
    message = (
        f"each replica fetches {count} files from the bucket, which keeps no versions: once one of them is "
        "overwritten, a replica without this revision waits for the next; turn versioning on"
    )
    return Problem(CONFIG, None, message)


@dataclass(frozen=True)
class Nothing:
    """No revision is published yet."""


@dataclass(frozen=True)
class UpToDate:
    """The volume holds the desired revision."""


@dataclass(frozen=True)
class Take:
    """The desired revision has to come to the volume."""

    revision: Head


@dataclass(frozen=True)
class Behind:
    """The database is behind this volume, which never goes back; the holder has to publish a higher number.

    ``desired`` is 0 where the database has no revision at all.
    """

    desired: int
    held: int


def plan_materialise(head: Head | None, current: Manifest | None, highest: int) -> Nothing | UpToDate | Take | Behind:
    """Decide what a replica does; ``highest`` is the highest number that its volume has ever shown."""
    if head is None:
        published = current is not None and current.publisher.epoch > 0
        return Behind(0, highest) if published else Nothing()
    if current is not None and (current.number, current.digest) == (head.number, head.digest):
        return UpToDate()
    if head.number < highest or (current is not None and head.number <= current.number):
        return Behind(head.number, max(highest, current.number if current else 0))
    return Take(head)


def is_unpublished(current: Manifest | None, head: Head | None) -> bool:
    """Whether the volume holds content that no holder has published: fetched while the database was away."""
    if current is None or current.publisher.epoch > 0:
        return False
    return head is None or (head.number, head.digest) != (current.number, current.digest)
