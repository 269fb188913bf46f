"""Instants and ages."""

from datetime import UTC, datetime, timedelta

from routeiq_syncd.revision.instants import seconds_since, stamp

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def test_ages_are_never_negative() -> None:
    """A clock that was set back makes nothing younger than now."""
    assert seconds_since(stamp(NOW + timedelta(hours=1)), NOW) == 0
    assert seconds_since(stamp(NOW - timedelta(seconds=90)), NOW) == 90
    assert seconds_since("yesterday", NOW) is None
