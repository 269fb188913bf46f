"""Which revisions may leave the volume."""

from collections.abc import Iterable

from routeiq_syncd.revision.manifest import number_in

KEEP = 10


def doomed(
    present: Iterable[str], *, linked: frozenset[str], used: frozenset[int], keep: int = KEEP
) -> tuple[str, ...]:
    """Return the directory names to remove, oldest first.

    Args:
        present: names under ``revisions/``; names that are no revision's are left alone.
        linked: names that ``current`` and ``candidate`` point to.
        used: numbers that the gateway serves, refused, or has workers on.
        keep: how many of the newest stay in any case.
    """
    numbered = sorted((number, name) for name in present if (number := number_in(name)) is not None)
    old = numbered[: max(0, len(numbered) - keep)]
    return tuple(name for number, name in old if name not in linked and number not in used)
