"""One session with PostgreSQL: one connection, opened anew after every fault, and bounded in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from routeiq_syncd.database.connect import Connection, open_connection
from routeiq_syncd.database.faults import DatabaseAwayError, SchemaMissingError, away
from routeiq_syncd.database.rows import GREETED, checked
from routeiq_syncd.database.url import Target

# The newest migration of the schema routeiq that this release relies on. A newer schema only adds.
NEEDED = "0004_history"

LONGEST_CONNECT_SECONDS = 30.0
"""No attempt takes longer, whatever the URL says: a loop that must report cannot wait for ever."""

GREETING = """
SELECT pg_backend_pid() AS server, coalesce(max(name COLLATE "C"), '') AS version FROM routeiq.migration"""

# A server may end sessions that are idle, by a limit that each session may lift (since PostgreSQL 14). The session that
# listens is idle between notifications, and its end would look like the end of the lease's holder.
STAY = """
SELECT set_config('idle_session_timeout', '0', false) WHERE current_setting('idle_session_timeout', true) IS NOT NULL"""


class Session:
    """One connection, opened when needed, opened anew after every fault, used by one task at a time.

    Args:
        target: the database.
        seconds: how long a unit of work may take on an open connection.
        needed: the migration of the schema routeiq that has to be there.

    Attributes:
        pooled: whether a transaction pooler stands between syncd and the server; None before the first connection.
    """

    def __init__(self, target: Target, *, seconds: float, needed: str = NEEDED) -> None:
        self._target = target
        self._needed = needed
        self.setting = target.setting
        self._seconds = seconds
        self._connect_seconds = min(target.connect_seconds or LONGEST_CONNECT_SECONDS, LONGEST_CONNECT_SECONDS)
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self.pooled: bool | None = None

    @contextlib.asynccontextmanager
    async def use(self, *, transaction: bool = False) -> AsyncIterator[Connection]:
        """Yield the connection for one unit of work, which has to end in time; with ``transaction`` in a transaction.

        Raises:
            DatabaseAwayError: the work was not done, or the answer to its commit did not arrive and it may be done.
        """
        async with self._held():
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = None
                    self._connection = await self.connect()
                async with asyncio.timeout(self._seconds):
                    # A pooler may hand each statement to another server: only a transaction stays with one server.
                    transacted = transaction or self.pooled
                    if transacted:
                        limits = _limits(self._seconds, local=True)
                        await self._connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED; {limits}")
                    yield self._connection
                    if transacted:
                        await self._connection.execute("COMMIT")
            except BaseException as error:
                # The state of the connection is unknown: hanging up rolls its transaction back, and asks nothing of
                # a server that may not answer.
                self.drop()
                if isinstance(error, DatabaseAwayError) or not isinstance(error, Exception):
                    raise
                fault = away(error, self.place)
                raise fault from None  # the error's text may quote a row, and a traceback shows it

    @property
    def limit(self) -> float:
        """How many seconds a unit of work takes at most: the wait for its turn, the connecting and the work."""
        return 2 * self._unit

    @property
    def _unit(self) -> float:
        return self._connect_seconds + self._seconds

    @contextlib.asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """Hold the turn; whoever waits longer for it than one unit of work takes gives up, since the server is silent.

        Raises:
            DatabaseAwayError: the turn did not come in time.
        """
        try:
            async with asyncio.timeout(self._unit):
                await self._turn.acquire()
        except TimeoutError:
            raise DatabaseAwayError(
                f"{self.place} cannot be used: it did not answer in time what was asked before."
            ) from None
        try:
            yield
        finally:
            self._turn.release()

    async def connect(self, *, seconds: float | None = None) -> Connection:
        """Open a connection that the caller closes; find out whether it is pooled, and which schema is there.

        Args:
            seconds: after how many seconds the server ends a statement on it; None as in `use`.

        Raises:
            DatabaseAwayError: whatever went wrong.
        """
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._connect(self._seconds if seconds is None else seconds)
        except Exception as error:  # noqa: BLE001 - told as `away` puts it
            fault = away(error, self.place)
            raise fault from None  # the error's text may quote a row, and a traceback shows it

    async def _connect(self, seconds: float) -> Connection:
        connection = await open_connection(self._target, self._connect_seconds)
        try:
            await connection.execute(f"BEGIN; {_limits(self._connect_seconds, local=True)}")
            found = checked(await connection.fetchrow(GREETING), GREETED)
            await connection.execute("COMMIT")
            if found["version"] < self._needed:
                raise SchemaMissingError(
                    f"its schema routeiq is at {found['version'] or 'nothing'} and this release of syncd needs "
                    f"{self._needed}; run `routeiq-migrate up` of the same release"
                )
            # A pooler makes up the process id that it greets with.
            self.pooled = self._target.pooled or found["server"] != connection.get_server_pid()
            if not self.pooled:
                await connection.execute(f"{_limits(seconds, local=False)}; {STAY}")
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
    """Return the statements that have the server end work that syncd gives up: the server does not notice a hang-up.

    A wait for a lock ends first, so that its error names the lock. ``statement_timeout`` is no shorter than syncd's own
    limit: where a commit waits for a synchronous standby, it ends only that wait, and the commit stays on the primary.
    """
    verb = "SET LOCAL" if local else "SET"
    milliseconds = max(round(seconds * 1000), 2)
    return f"{verb} statement_timeout = {milliseconds}; {verb} lock_timeout = {milliseconds * 4 // 5}"
