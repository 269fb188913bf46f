"""Faults of the database in words: whatever the server sends and asyncpg raises, the database is away."""

import asyncpg
import pytest

from routeiq_syncd.database.faults import RowRefusedError, SchemaMissingError, away
from routeiq_syncd.errors import UnreachableError

STATES = ("XX000", "54001", "53300", "57P01", "ZZ999", "42601", "42804", "P0001", "42P10", "28P01", None)


@pytest.mark.parametrize("state", STATES)
def test_every_answer_of_a_server_has_its_words_and_none_of_the_servers(state: str | None) -> None:
    """States that PostgreSQL has, states that it does not have, and no state; the server's text is not told."""
    error = asyncpg.PostgresError.new({"M": "told", **({"C": state} if state else {})})
    reason = str(away(error, "PostgreSQL at db:5432"))
    assert reason.startswith("PostgreSQL at db:5432 cannot be used: ")
    assert "told" not in reason
    assert state not in STATES[:8] or f"({state})" in reason


@pytest.mark.parametrize("error", [AttributeError("told"), KeyError("told"), TimeoutError(), OSError(113, "No route")])
def test_what_a_client_trips_over_has_its_words(error: Exception) -> None:
    """A server that speaks half the protocol makes asyncpg raise anything."""
    assert "told" not in str(away(error, "there"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.UndefinedTableError(""), SchemaMissingError),
        (SchemaMissingError("a sentence."), SchemaMissingError),
        (asyncpg.UntranslatableCharacterError(""), RowRefusedError),
        (asyncpg.CheckViolationError(""), RowRefusedError),
    ],
)
def test_what_callers_tell_apart_keeps_its_kind(error: Exception, kind: type[Exception]) -> None:
    """A schema that is missing is waited for with a limit; a value that is not taken is left out."""
    assert type(away(error, "there")) is kind
    assert str(away(UnreachableError("A sentence."), "there")) == "there cannot be used: A sentence."
