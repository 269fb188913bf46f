"""How a statement that failed is told: what failed, why, and what to do about it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from routeiq_migrate.database.blockers import Wait, Watch
from routeiq_migrate.database.session import primary
from routeiq_migrate.errors import MigrationFailedError
from routeiq_migrate.runtime.known_secrets import redact

PRESENT_ALREADY = frozenset({"42701", "42710", "42723", "42P06", "42P07"})
"""SQLSTATEs of a column, an object, a function, a schema, and a table or index that exists."""


@asynccontextmanager
async def failing_as(watch: Watch, *, resolvable: bool = False) -> AsyncIterator[None]:
    """Make a failure of a statement in the body the failure of what ``watch`` watches, and tell what it waits for.

    Args:
        watch: the session that the body uses, with the name of the migration, or of the task ("the migration ledger").
        resolvable: whether ``resolve`` knows the migration.

    Raises:
        SessionLostError: the session has ended.
        MigrationFailedError: a statement failed; the message says why and what to do.
    """
    wait = Wait()
    try:
        async with watch.waiting() as wait:
            yield
    except asyncpg.PostgresError as error:
        raise MigrationFailedError(failure_text(watch, error, wait.whose, resolvable=resolvable)) from None


def failure_text(watch: Watch, error: asyncpg.PostgresError, whose: str, *, resolvable: bool) -> str:
    """Say what failed, why, and what to do. The server's DETAIL is left out: it quotes rows.

    Args:
        watch: what failed, and in which session.
        error: what the server said.
        whose: the sessions that it waited for; empty where it did not wait.
        resolvable: whether ``resolve`` knows the migration.
    """
    database, name = watch.database, watch.what
    reason = redact(primary(error), database.target.secrets)
    match error:
        case asyncpg.InsufficientPrivilegeError():
            advice = f"Make user {database.target.user!r} the owner of LiteLLM's tables and schema, or grant it."
        case asyncpg.ReadOnlySQLTransactionError():
            advice = "Point DATABASE_URL or DIRECT_URL at the writer."
        case asyncpg.QueryCanceledError() | asyncpg.LockNotAvailableError() if whose:
            advice = (
                f"It waited for {whose}. Let that transaction end, or end it with SELECT "
                "pg_terminate_backend(PROCESS), and run again."
            )
        case asyncpg.QueryCanceledError():
            advice = "Raise statement_timeout for this user (ALTER ROLE ... SET statement_timeout) and run again."
        case asyncpg.LockNotAvailableError():
            advice = "Another session held a table; run again when it has ended, or raise lock_timeout."
        case _ if error.sqlstate in PRESENT_ALREADY and resolvable:
            advice = (
                "Something it makes is there already. If all of it is, run `routeiq-migrate resolve --applied "
                f"'{name}'`, or `routeiq-migrate baseline` if all that later migrations make is there too; otherwise "
                "remove what is there and run again."
            )
        case _:
            advice = "Correct the cause and run again."
    extent = "it and this whole run were" if database.pooled else "it alone was"
    return f"Migration {name!r} failed, and {extent} rolled back: {reason} (SQLSTATE {error.sqlstate}). {advice}"
