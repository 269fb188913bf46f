"""The decider of single mode: turns what was fetched into a revision, on its own authority."""

from dataclasses import dataclass
from datetime import datetime

from routeiq_syncd.configuration.bundle import Bounds, as_written, bound_problems, written_name
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.rules import validate
from routeiq_syncd.history.standing import FREE, Standing, Waiting
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest, Publisher, make_manifest


@dataclass(frozen=True)
class Same:
    """``current`` holds this content already."""

    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class Refuse:
    """The content cannot become a revision; with all problems at once."""

    digest: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Accept:
    """The content becomes the revision that the manifest names."""

    manifest: Manifest
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class Hold:
    """The content could become a revision, and a pin or a rollback holds it back."""

    waiting: Waiting
    warnings: tuple[Problem, ...]


Decision = Same | Refuse | Hold | Accept


@dataclass(frozen=True)
class Rules:
    """Everything beside the content that a decision depends on.

    Attributes:
        bounds: limits on the bundle.
        environment: names of the variables that exist in this process's environment, None where others may be given.
        publisher: who signs the manifests.
    """

    bounds: Bounds
    environment: frozenset[str] | None
    publisher: Publisher


def decide(
    fetched: Fetched,
    current: Manifest | None,
    next_number: int,
    now: datetime,
    rules: Rules,
    *,
    standing: Standing = FREE,
) -> Decision:
    """Decide what becomes of a fetched bundle; ``current`` is the revision on the volume, None for none."""
    found = examine(fetched, current.digest if current else None, rules)
    if isinstance(found, Same | Refuse):
        return found
    if held := hold(fetched, found, now, standing):
        return held
    place = (fetched.version, rules.publisher, now)
    return Accept(make_manifest(next_number, fetched.bundle.entries, *place, origins=fetched.origins), found)


def hold(fetched: Fetched, warnings: tuple[Problem, ...], now: datetime, standing: Standing) -> Hold | None:
    """Return what holds content back that may be taken, None where nothing does; it keeps its first instant."""
    why = standing.holds_back(fetched.bundle.digest)
    if not why:
        return None
    waiting, before = Waiting(fetched.bundle.digest, why, stamp(now)), standing.waiting
    if before is not None and (before.digest, before.why) == (waiting.digest, waiting.why):
        waiting = before
    return Hold(waiting, warnings)


def examine(fetched: Fetched, held: str | None, rules: Rules) -> Same | Refuse | tuple[Problem, ...]:
    """Compare a fetched bundle with the digest ``held`` and check it; return the warnings of one that may be taken."""
    bundle, name = fetched.bundle, written_name(fetched.version.location)
    if over := bound_problems(bundle, rules.bounds):
        return Refuse(bundle.digest, as_written(over, name))
    judged = validate(
        bundle, kind="prefix" if fetched.together else fetched.version.kind, environment=rules.environment
    )
    errors, warnings = as_written(judged.errors, name), as_written(judged.warnings, name)
    if held == bundle.digest:
        # The content was accepted before, perhaps by a release with fewer rules: a new error is a warning.
        return Same((*errors, *warnings))
    if errors:
        return Refuse(bundle.digest, errors)
    return warnings
