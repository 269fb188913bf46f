"""Faults of the database, told from mistakes of syncd."""

import asyncpg
import pytest

from routeiq_syncd.database.faults import DatabaseAwayError, passing


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        *((state, True) for state in ("XX000", "XX001", "54001", "54000", "53300", "57P01", "ZZ999", None)),
        *((state, False) for state in ("42601", "42804", "22021", "22P05", "23514", "P0001")),
    ],
)
def test_what_a_pooler_says_passes_and_our_own_mistakes_do_not(state: str | None, *, passes: bool) -> None:
    """Internal errors, limits, and states that PostgreSQL does not have are waited out; wrong SQL is a bug."""
    error = asyncpg.PostgresError.new({"M": "told", **({"C": state} if state else {})})
    reason = passing(error)
    assert (reason is not None) == passes
    assert "told" not in str(reason)
    assert passing(DatabaseAwayError("a sentence")) == "a sentence"
    assert passing(AttributeError("server_version")) is None
