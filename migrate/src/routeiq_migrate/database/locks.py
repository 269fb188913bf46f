"""The locks that keep migrators apart: LiteLLM's, then Prisma's, in LiteLLM's order.

They are polled for and never waited on: a blocked waiter holds a snapshot, for which CREATE INDEX CONCURRENTLY in
the session that holds the lock would wait in turn.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from routeiq_migrate.database.session import Connection, Database
from routeiq_migrate.errors import LockTimeoutError

if TYPE_CHECKING:  # structlog takes 0.1 s to import, as long as a run that finds nothing to do
    from routeiq_migrate.runtime.logs import Log

LITELLM_LOCK = int.from_bytes(b"llm_mig2", "big")
PRISMA_LOCK = 72707369
REPAIR_LOCK = int.from_bytes(b"litellm", "big")


def lock_keys(*, prisma: bool) -> tuple[int, ...]:
    """Return the locks of a migrator in LiteLLM's order."""
    return (LITELLM_LOCK, PRISMA_LOCK) if prisma else (LITELLM_LOCK,)


async def try_locks(connection: Connection, keys: tuple[int, ...], *, transaction: bool) -> tuple[int, ...]:
    """Take as many of ``keys`` as are free, in order, stopping at the first that is not; return those taken."""
    function = "pg_try_advisory_xact_lock" if transaction else "pg_try_advisory_lock"
    taken: tuple[int, ...] = ()
    for key in keys:
        if not await connection.fetchval(f"SELECT {function}({key})"):
            break
        taken = (*taken, key)
    return taken


class Patience:
    """The limit on waiting for other migrators, each time anew: a build of our own must not use it up."""

    def __init__(self, seconds: float, log: "Log") -> None:
        self.seconds = seconds
        self.deadline = 0.0
        self.log = log
        self.told = False

    def begin(self) -> None:
        """Start waiting for a lock."""
        self.deadline = time.monotonic() + self.seconds

    async def pause(self) -> None:
        """Sleep a moment before the next try.

        Raises:
            LockTimeoutError: the limit has passed.
        """
        if time.monotonic() >= self.deadline:
            raise LockTimeoutError(
                f"Another migrator held the lock for {self.seconds:g} s (LITELLM_MIGRATION_LOCK_TIMEOUT). To see who, "
                "join pg_locks (locktype advisory) with pg_stat_activity by pid; a session left behind in a pooler is "
                "ended with pg_terminate_backend(pid)."
            )
        if not self.told:
            self.log.info("waiting for another migrator", limit_s=self.seconds)
            self.told = True
        await asyncio.sleep(random.uniform(0.05, 0.25))  # noqa: S311 - jitter


@contextlib.asynccontextmanager
async def holding(database: Database, keys: tuple[int, ...], patience: Patience) -> AsyncIterator[None]:
    """Hold ``keys``: with the session, or behind a pooler with one transaction around the whole body.

    Raises:
        LockTimeoutError: somebody else kept them for too long.
    """
    connection = database.connection
    patience.begin()
    if database.pooled:
        while True:
            async with database.transaction():
                if await try_locks(connection, keys, transaction=True) == keys:
                    yield
                    return
            await patience.pause()
    taken: tuple[int, ...] = ()
    try:
        while True:
            taken += await try_locks(connection, keys[len(taken) :], transaction=False)
            if taken == keys:
                break
            await patience.pause()
        yield
    finally:
        # The server frees them with the session in any case; here the session may go on.
        if not connection.is_closed():
            for key in reversed(taken):
                await connection.execute(f"SELECT pg_advisory_unlock({key})")
