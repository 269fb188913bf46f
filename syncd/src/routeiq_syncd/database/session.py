"""One session with PostgreSQL: reaching it, and telling its faults from ours.

A fault that passes (a server that restarts, fails over, is read-only or not there yet, a schema that is still being
made) becomes a `DatabaseAwayError` with a sentence; the caller goes on without the database and tries again. Any
other error is a bug and ends the process.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from routeiq_syncd.database.connect import Connection, open_connection
from routeiq_syncd.database.faults import SCHEMA_STATES, DatabaseAwayError, SchemaMissingError, passing
from routeiq_syncd.database.url import Target

# The newest migration of the schema routeiq that this release relies on. A newer schema only adds.
NEEDED = "0002_lease_server"

GREETING = """
SELECT pg_backend_pid() AS server, coalesce(max(name COLLATE "C"), '') AS version FROM routeiq.migration"""


class Session:
    """One connection, opened when needed, opened anew after every fault, used by one task at a time.

    Args:
        seconds: how long a unit of work may take on an open connection.
        needed: the migration of the schema routeiq that has to be there.

    Attributes:
        pooled: whether a transaction pooler stands between; None before the first connection.
        setting: the name of the variable that holds the URL.
    """

    def __init__(self, target: Target, *, seconds: float, setting: str = "DATABASE_URL", needed: str = NEEDED) -> None:
        self._target = target
        self._needed = needed
        self.setting = setting
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self.pooled: bool | None = None

    @contextlib.asynccontextmanager
    async def use(self, *, transaction: bool = False) -> AsyncIterator[Connection]:
        """Yield the connection for one unit of work, which has to end in time; in a transaction where asked for.

        Raises:
            DatabaseAwayError: the work was not done, or, after a commit was sent, may have been.
        """
        async with self._held():
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = None
                    self._connection = await self.connect()
                async with asyncio.timeout(self._seconds):
                    # A pooler may hand each statement to another server: only a transaction stays with one.
                    whole = transaction or self.pooled
                    if whole:
                        limits = _limits(self._seconds, local=True)
                        await self._connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED; {limits}")
                    yield self._connection
                    if whole:
                        await self._connection.execute("COMMIT")
            except BaseException as error:
                # What the connection is in the middle of is unknown: hanging up rolls it back, and asks nothing of a
                # server that may not answer.
                self.drop()
                reason = passing(error)
                if reason is None:
                    raise
                missing = isinstance(error, SchemaMissingError) or getattr(error, "sqlstate", None) in SCHEMA_STATES
                kind = SchemaMissingError if missing else DatabaseAwayError
                raise kind(f"{self.place} cannot be used: {reason}.") from None

    @property
    def limit(self) -> float:
        """How long a unit of work takes at most: the wait for its turn, the connecting and the work."""
        return 2 * self._unit

    @property
    def _unit(self) -> float:
        return self._target.connect_seconds + self._seconds

    @contextlib.asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Hold the turn, for which nobody waits longer than one unit of work: with a silent server all of them fail."""
        try:
            async with asyncio.timeout(self._unit):
                await self._turn.acquire()
        except TimeoutError:
            told = f"{self.place} cannot be used: it did not answer in time what was asked before."
            raise DatabaseAwayError(told) from None
        try:
            yield
        finally:
            self._turn.release()

    async def connect(self, *, seconds: float | None = None) -> Connection:
        """Open a connection of its own, which the caller closes; see what stands between, and what schema is there.

        Args:
            seconds: after how long the server ends a statement on it; None as in `use`.

        Raises:
            Exception: what `passing` has a sentence for.
        """
        try:
            async with asyncio.timeout(self._target.connect_seconds):
                return await self._connect(self._seconds if seconds is None else seconds)
        except Exception as error:
            if passing(error) is not None:
                raise
            # Whatever it is, it is of the server or of what stands between: asyncpg trips over one that does not say
            # its version, for instance.
            told = f"what answers there does not answer as PostgreSQL does ({type(error).__name__})"
            raise DatabaseAwayError(told) from error

    async def _connect(self, seconds: float) -> Connection:
        connection = await open_connection(self._target)
        try:
            await connection.execute(f"BEGIN; {_limits(self._target.connect_seconds, local=True)}")
            found = await connection.fetchrow(GREETING)
            await connection.execute("COMMIT")
            assert found is not None  # noqa: S101 - the query has exactly one row
            if found["version"] < self._needed:
                raise SchemaMissingError(
                    f"its schema routeiq is at {found['version'] or 'nothing'} and this release of syncd needs "
                    f"{self._needed}; run `routeiq-migrate up` of the same release"
                )
            # A pooler answers with a process id of its own making.
            self.pooled = self._target.pooled or found["server"] != connection.get_server_pid()
            if not self.pooled:
                await connection.execute(_limits(seconds, local=False))
        except BaseException:
            connection.terminate()
            raise
        return connection

    def drop(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    @property
    def place(self) -> str:
        """Where the database is, for people."""
        return f"PostgreSQL at {self._target.host}:{self._target.port}"


def _limits(seconds: float, *, local: bool) -> str:
    """Return the statements that have the server itself end what is given up here: it does not notice a hang-up.

    A wait for a lock ends first, and is told as such. The other limit is no shorter than our own: where a commit waits
    for a synchronous standby, it ends the wait alone, and the server tells of a commit that only the primary has.
    """
    verb = "SET LOCAL" if local else "SET"
    whole = max(round(seconds * 1000), 2)
    return f"{verb} statement_timeout = {whole}; {verb} lock_timeout = {whole * 4 // 5}"
