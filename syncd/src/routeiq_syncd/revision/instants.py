"""Instants as the files on the volume have them: RFC 3339, UTC, milliseconds, ``Z``."""

from datetime import UTC, datetime


def stamp(instant: datetime) -> str:
    """Write an aware ``instant`` as ``2026-11-22T22:00:00.000Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_since(written: object, now: datetime) -> float | None:
    """Return the seconds from the written instant to ``now``, at least 0; None where ``written`` is no instant."""
    if not isinstance(written, str):
        return None
    try:
        then = datetime.fromisoformat(written)
    except ValueError:
        return None
    if then.tzinfo is None:
        return None
    return round(max(0.0, (now - then).total_seconds()), 3)
