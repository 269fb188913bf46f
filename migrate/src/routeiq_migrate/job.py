"""What a run works with, and how it reports a failure."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from routeiq_migrate.database.locks import Patience
from routeiq_migrate.database.redact import redact
from routeiq_migrate.database.session import LOST, Database, primary
from routeiq_migrate.errors import MigrationFailedError
from routeiq_migrate.plan.plan import Migration
from routeiq_migrate.runtime.progress import Progress
from routeiq_migrate.runtime.telemetry import Telemetry

if TYPE_CHECKING:  # structlog takes 0.1 s to import, as long as a run that finds nothing to do
    from routeiq_migrate.runtime.logs import Log


PRESENT_ALREADY = frozenset({"42701", "42710", "42723", "42P06", "42P07"})
"""SQLSTATEs of a column, an object, a function, a schema, and a table or index that exists."""


@dataclass(frozen=True)
class Job:
    """All that a run works with.

    Attributes:
        shipped: LiteLLM's migrations, in order.
        own: ours, in order.
        allowed: names of migrations that may destroy data.
        large_bytes: the table size from which an index is built concurrently.
        prisma_lock: whether to take Prisma's lock beside LiteLLM's.
    """

    database: Database
    shipped: tuple[Migration, ...]
    own: tuple[Migration, ...]
    allowed: frozenset[str]
    large_bytes: int
    prisma_lock: bool
    replica_identity_full: bool
    log: "Log"
    progress: Progress
    telemetry: Telemetry
    patience: Patience


async def run(job: Job, what: str, work: Awaitable[None]) -> None:
    """Await ``work`` and say what failed if it does.

    Raises:
        LOST: the connection to the server is gone.
        MigrationFailedError: a statement failed; the message says why and what to do.
    """
    try:
        await work
    except LOST:
        raise
    except asyncpg.PostgresError as error:
        raise MigrationFailedError(failure_text(job, what, error)) from None


def failure_text(job: Job, what: str, error: asyncpg.PostgresError) -> str:
    """Say what failed, why, and what to do. The server's DETAIL is left out: it quotes rows."""
    reason = redact(primary(error), job.database.target.secrets)
    match error:
        case asyncpg.InsufficientPrivilegeError():
            advice = f"Make user {job.database.target.user!r} the owner of LiteLLM's tables and schema, or grant it."
        case asyncpg.ReadOnlySQLTransactionError():
            advice = "Point DATABASE_URL or DIRECT_URL at the writer."
        case asyncpg.QueryCanceledError():
            advice = "Raise statement_timeout for this user (ALTER ROLE ... SET statement_timeout) and run again."
        case asyncpg.LockNotAvailableError():
            advice = "Another session holds a table; run again when it has ended, or raise lock_timeout."
        case _ if error.sqlstate in PRESENT_ALREADY and what in {migration.name for migration in job.shipped}:
            advice = (
                "Something it makes is there already. If all of it is, run `routeiq-migrate resolve --applied "
                f"'{what}'`; otherwise remove what is there and run again."
            )
        case _:
            advice = "Correct the cause and run again."
    extent = "it and this whole run were" if job.database.pooled else "it alone was"
    return f"Migration {what!r} failed, and {extent} rolled back: {reason} (SQLSTATE {error.sqlstate}). {advice}"
