"""One session with PostgreSQL: reaching it, and telling its faults from ours.

A fault that passes (a server that restarts, fails over, is read-only or not there yet, a schema that is still being
made) becomes a `DatabaseAwayError` with a sentence; the caller goes on without the database and tries again. Any
other error is a bug and ends the process.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from routeiq_syncd.database.url import Target

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Classes of SQLSTATE that pass by themselves or by an operator's hand (PostgreSQL manual, appendix A): connection,
# authorisation, transaction rollback, resources, limits, object not in the needed state, operator's intervention,
# system, internal; poolers say the last for whatever ails them, too many clients for one.
PASSING = ("08", "28", "3D", "40", "53", "54", "55", "57", "58", "XX")
PASSING_STATES = {
    "25006": "it is read-only: a standby, or a server being failed over; the URL has to name the primary",
    "25P03": "the transaction was idle for too long and was ended",
    "55P03": "another session holds a lock on what syncd needs; see pg_locks for who",
    "57014": "a statement took too long, or an operator cancelled it",
    "42501": "this user lacks a privilege on the schema routeiq; let it own the schema, or grant it",
    "3F000": "the schema routeiq is not there yet; run `routeiq-migrate up`",
    "42P01": "the tables of the schema routeiq are not there yet; run `routeiq-migrate up`",
    "42703": "the tables of the schema routeiq lack a column that this release uses; upgrade syncd",
    "42883": "the schema routeiq lacks a function that this release uses; upgrade syncd",
}
# What the server does not take into a row, a character that its encoding lacks for one: the row's fault, not its own.
REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
SCHEMA_STATES = ("3F000", "42P01", "42703", "42883")

# The newest migration of the schema routeiq that this release relies on. A newer schema only adds.
NEEDED = "0002_lease_server"

GREETING = """
SELECT pg_backend_pid() AS server, coalesce(max(name COLLATE "C"), '') AS version FROM routeiq.migration"""


class DatabaseAwayError(Exception):
    """PostgreSQL cannot be used now; the message is a sentence without secrets."""


class SchemaMissingError(DatabaseAwayError):
    """The schema routeiq is not there, or older than this release needs."""


class _Whole(asyncpg.Connection):
    """A connection that hangs up where it cannot be made of what answers; asyncpg's own leaves the socket open."""

    __slots__ = ()

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401 - asyncpg's own
        try:
            super().__init__(*parts)
        except BaseException:
            self._abort()  # type: ignore[attr-defined]  # left out of its types
            raise


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
        connection = await _open(self._target)
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


def passing(error: BaseException) -> str | None:
    """Say what fault ``error`` is, without quoting what may be secret; None for one that does not pass."""
    match error:
        case asyncpg.PostgresError():
            state = error.sqlstate or ""
            if state in PASSING_STATES:
                return PASSING_STATES[state]
            # A state that PostgreSQL does not have, or none, is of a pooler or of another server.
            foreign = isinstance(error, asyncpg.UnknownPostgresError)
            return f"{type(error).__name__} ({state})" if foreign or state[:2] in PASSING else None
        case DatabaseAwayError():
            return str(error)
        case TimeoutError():
            return "it did not answer in time"
        case ssl.SSLCertVerificationError():
            return "its certificate does not verify; give its authority with sslrootcert= (libpq) or sslcert= (Prisma)"
        case OSError():
            return error.strerror or type(error).__name__
        case asyncpg.InterfaceError() | asyncpg.InternalClientError():
            return "the connection was lost"
        case _:
            return None


def _limits(seconds: float, *, local: bool) -> str:
    """Return the statements that have the server itself end what is given up here: it does not notice a hang-up.

    A wait for a lock ends first, and is told as such. The other limit is no shorter than our own: where a commit waits
    for a synchronous standby, it ends the wait alone, and the server tells of a commit that only the primary has.
    """
    verb = "SET LOCAL" if local else "SET"
    whole = max(round(seconds * 1000), 2)
    return f"{verb} statement_timeout = {whole}; {verb} lock_timeout = {whole * 4 // 5}"


async def _open(target: Target) -> Connection:
    context = _tls_context(target)
    attempts: list[ssl.SSLContext | bool] = [context or False]
    if context is not None and not target.tls.required:
        attempts.append(False)
    for index, encryption in enumerate(attempts):
        try:
            return await asyncpg.connect(
                host=target.host,
                port=target.port,
                user=target.user,
                password=target.password,
                database=target.database,
                ssl=encryption,
                timeout=target.connect_seconds,
                # A pooler may hand each statement to another server, which knows none of our prepared ones.
                statement_cache_size=0,
                target_session_attrs=SessionAttribute.any,
                connection_class=_Whole,
            )
        except (ConnectionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
            # libpq's rule for sslmode=prefer: plain text if there is no TLS, or if pg_hba.conf asks for it.
            wrong = isinstance(error, asyncpg.InvalidPasswordError)
            refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and not wrong
            if index == len(attempts) - 1 or not (refused or "rejected SSL upgrade" in str(error)):
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _tls_context(target: Target) -> ssl.SSLContext | None:
    tls = target.tls
    if not tls.wanted:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.verify_host
    context.verify_mode = ssl.CERT_REQUIRED if tls.verify_chain else ssl.CERT_NONE
    if tls.verify_chain and tls.authority is None:
        context.load_default_certs()
    elif tls.verify_chain:
        context.load_verify_locations(cafile=tls.authority)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key, password=tls.key_password or "")
    return context
