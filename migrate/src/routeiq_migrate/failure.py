"""How a statement that failed is told: what failed, why, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from routeiq_migrate.database.session import LOST, Database, primary
from routeiq_migrate.errors import MigrationFailedError
from routeiq_migrate.runtime.known_secrets import redact

PRESENT_ALREADY = frozenset({"42701", "42710", "42723", "42P06", "42P07"})
"""SQLSTATEs of a column, an object, a function, a schema, and a table or index that exists."""


@contextmanager
def failing_as(database: Database, name: str, *, resolvable: bool = False) -> Iterator[None]:
    """Make a failure of a statement in the body the failure of migration ``name``.

    Args:
        database: the session that the body uses.
        name: the migration's name, or the name of the task, as "the migration ledger".
        resolvable: whether ``resolve`` knows the migration.

    Raises:
        LOST: the connection to the server is gone.
        MigrationFailedError: a statement failed; the message says why and what to do.
    """
    try:
        yield
    except LOST:
        raise
    except asyncpg.PostgresError as error:
        raise MigrationFailedError(failure_text(database, name, error, resolvable=resolvable)) from None


def failure_text(database: Database, name: str, error: asyncpg.PostgresError, *, resolvable: bool) -> str:
    """Say what failed, why, and what to do. The server's DETAIL is left out: it quotes rows."""
    reason = redact(primary(error), database.target.secrets)
    match error:
        case asyncpg.InsufficientPrivilegeError():
            advice = f"Make user {database.target.user!r} the owner of LiteLLM's tables and schema, or grant it."
        case asyncpg.ReadOnlySQLTransactionError():
            advice = "Point DATABASE_URL or DIRECT_URL at the writer."
        case asyncpg.QueryCanceledError():
            advice = "Raise statement_timeout for this user (ALTER ROLE ... SET statement_timeout) and run again."
        case asyncpg.LockNotAvailableError():
            advice = "Another session holds a table; run again when it has ended, or raise lock_timeout."
        case _ if error.sqlstate in PRESENT_ALREADY and resolvable:
            advice = (
                "Something it makes is there already. If all of it is, run `routeiq-migrate resolve --applied "
                f"'{name}'`; otherwise remove what is there and run again."
            )
        case _:
            advice = "Correct the cause and run again."
    extent = "it and this whole run were" if database.pooled else "it alone was"
    return f"Migration {name!r} failed, and {extent} rolled back: {reason} (SQLSTATE {error.sqlstate}). {advice}"
