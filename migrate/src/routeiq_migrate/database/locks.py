"""The locks that keep migrators apart: LiteLLM's, then Prisma's, in LiteLLM's order.

They are polled for and never waited on: a blocked waiter holds a snapshot, for which CREATE INDEX CONCURRENTLY in
the session that holds the lock would wait in turn.
"""

import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from routeiq_migrate.database.blockers import holders
from routeiq_migrate.database.connect import Connection
from routeiq_migrate.database.session import Database
from routeiq_migrate.errors import LockTimeoutError
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.pace import pause

LITELLM_LOCK = int.from_bytes(b"llm_mig2", "big")
PRISMA_LOCK = 72707369
REPAIR_LOCK = int.from_bytes(b"litellm", "big")


async def try_locks(connection: Connection, keys: tuple[int, ...], *, transaction: bool) -> tuple[int, ...]:
    """Take as many of ``keys`` as are free, in order, stopping at the first that is not; return those taken."""
    function = "pg_try_advisory_xact_lock" if transaction else "pg_try_advisory_lock"
    taken: tuple[int, ...] = ()
    for key in keys:
        if not await connection.fetchval(f"SELECT {function}({key})"):
            break
        taken = (*taken, key)
    return taken


class Locks:
    """The locks of one run. The limit on waiting begins anew with each: a build of our own must not use it up."""

    def __init__(self, seconds: float, log: LazyLog, *, prisma: bool) -> None:
        self.seconds = seconds
        self.log = log
        self.prisma = prisma
        self.was_told = False

    def migrating(self, database: Database) -> AbstractAsyncContextManager[None]:
        """Hold LiteLLM's lock, and Prisma's unless the operator disabled that, while the body runs."""
        return self.holding(database, (LITELLM_LOCK, PRISMA_LOCK) if self.prisma else (LITELLM_LOCK,))

    def building(self, database: Database) -> AbstractAsyncContextManager[None]:
        """Hold LiteLLM's lock alone: whoever blocks on Prisma's holds a snapshot that a build would wait for."""
        return self.holding(database, (LITELLM_LOCK,))

    @contextlib.asynccontextmanager
    async def holding(self, database: Database, keys: tuple[int, ...]) -> AsyncIterator[None]:
        """Hold ``keys``: with the session, or behind a pooler with one transaction around the whole body.

        Raises:
            LockTimeoutError: somebody else kept them for too long.
        """
        connection = database.connection
        deadline = time.monotonic() + self.seconds
        if database.pooled:
            while True:
                async with database.transaction():
                    if await try_locks(connection, keys, transaction=True) == keys:
                        yield
                        return
                await self.pause(deadline, database, keys)
        taken: tuple[int, ...] = ()
        try:
            while True:
                taken += await try_locks(connection, keys[len(taken) :], transaction=False)
                if taken == keys:
                    break
                await self.pause(deadline, database, keys)
            yield
        finally:
            # The server frees them with the session in any case; here the session may go on.
            if not connection.is_closed():
                for key in reversed(taken):
                    await connection.execute(f"SELECT pg_advisory_unlock({key})")

    async def pause(self, deadline: float, database: Database, keys: tuple[int, ...]) -> None:
        """Sleep a moment before the next try for ``keys``.

        Raises:
            LockTimeoutError: ``deadline`` (monotonic seconds) has passed.
        """
        if time.monotonic() >= deadline:
            whose = await holders(database, keys)
            raise LockTimeoutError(
                f"Another migrator held the lock for {self.seconds:g} s (LITELLM_MIGRATION_LOCK_TIMEOUT)"
                f"{f': {whose}' if whose else ''}. Let it end and run again; a session that was left behind, in a "
                "pooler for one, is ended with SELECT pg_terminate_backend(PROCESS)."
            )
        if not self.was_told:
            self.log.info("waiting for another migrator", limit_s=self.seconds, whose=await holders(database, keys))
            self.was_told = True
        await pause(0.05, 0.25)
