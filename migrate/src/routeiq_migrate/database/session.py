"""The session with PostgreSQL: reaching it, and one transaction at a time.

Two kinds of session are told apart. On a **direct** one, locks belong to the session and every migration has its own
transaction. Behind a transaction **pooler** consecutive statements may reach different servers, so that a session
lock would stay with somebody else: there everything happens in one transaction that holds the locks.
"""

import asyncio
import contextlib
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import asyncpg

from routeiq_migrate.database.answers import Silence, Told
from routeiq_migrate.database.connect import Connection, WrongAnswerError, no_tls, open_connection
from routeiq_migrate.database.refusals import lacks_database, may_pass, pooler_advice, pooler_words
from routeiq_migrate.database.url import DEFAULT_CONNECT_SECONDS, Target
from routeiq_migrate.errors import NoDatabaseError, SessionLostError, UnreachableError
from routeiq_migrate.runtime.known_secrets import redact
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.pace import pause

CREATED_SECONDS = 5.0
"""How long a database that was just created may stay unknown, in seconds beyond the limit on waiting."""

GREETING = "SELECT pg_backend_pid(), pg_postmaster_start_time()::text"

QUOTED = re.compile('".*"', re.DOTALL)

LOST = (SessionLostError, asyncpg.InterfaceError)
"""What a session raises that has ended; asyncpg's transactions say the latter on a closed connection."""


@dataclass(frozen=True)
class Database:
    """A session, and what it takes to open another."""

    connection: Connection
    target: Target
    pooled: bool

    @contextlib.asynccontextmanager
    async def unit(self, first: str = "SELECT", last: str = "SELECT") -> AsyncIterator[None]:
        """One transaction; behind a pooler, a part of the surrounding one that can fail alone.

        ``first`` and ``last`` are statements that travel with its begin and its end: each message costs a round
        trip to the server, and two hundred migrations pay for each message two hundred times.
        """
        begin, end, undo = "BEGIN", "COMMIT", "ROLLBACK"
        if self.pooled:
            begin, end = "SAVEPOINT unit", "RELEASE SAVEPOINT unit"
            undo = f"ROLLBACK TO SAVEPOINT unit; {end}"
        try:
            await self.connection.execute(f"{begin}; {first}")
            yield
            await self.connection.execute(f"{last}; {end}")
        except BaseException:
            if not self.connection.is_closed():
                await self.connection.execute(undo)
            raise

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """One transaction that finds the schema's tables first."""
        async with self.connection.transaction():
            if self.pooled:
                await self.connection.execute(f"SET LOCAL search_path TO {identifier(self.target.schema)}")
            yield


def identifier(name: str) -> str:
    """Quote a name for use in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote text for use in SQL, whatever the session makes of backslashes."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def primary(error: Exception) -> str:
    """Return an error's message without the rows' values that the server quotes, in its DETAIL and of bad data."""
    message = str(error.args[0]) if error.args else str(error)
    return QUOTED.sub('"***"', message) if isinstance(error, asyncpg.DataError) else message


@contextlib.asynccontextmanager
async def session(target: Target, wait_seconds: float, log: LazyLog, *, create: bool) -> AsyncIterator[Database]:
    """Reach the database within ``wait_seconds`` and close the session on leaving.

    Args:
        target: the database.
        wait_seconds: how long to try again while the server is away, starting or full.
        log: where a wait is reported.
        create: create the database when the server has none of that name, as Prisma does.

    Raises:
        UnreachableError: the server was not there in time, or it refused us.
    """
    database = await reach(target, wait_seconds, log, create=create)
    try:
        yield database
    finally:
        await close(database.connection)


async def open_session(target: Target, limit: float) -> Database:
    """Open a session, find out what kind it is, and make it find the schema; within ``limit`` seconds."""
    async with asyncio.timeout(limit):
        connection = cast("Told", await open_connection(target, limit, kind=Told))
        try:
            # A pooler answers with a process id of its own making, and lets us in before it has a server.
            # Its end says nothing to a server that may be silent: a ROLLBACK would wait for it without a limit.
            await connection.execute("BEGIN")
            server, started = await connection.fetchrow(GREETING) or (0, "")
            await connection.execute("COMMIT")
            pooled = target.pooled or server != connection.get_server_pid()
            connection.silence = Silence(target, None if pooled else server, started)
            if not pooled:
                await connection.execute(f"SET search_path TO {identifier(target.schema)}")
        except BaseException:
            connection.terminate()
            raise
    return Database(connection, target, pooled)


async def close(connection: Connection) -> None:
    """Say goodbye, or just hang up on a server that does not listen."""
    try:
        await connection.close(timeout=2)
    except Exception:  # noqa: BLE001 - whatever the server makes of it, we are done
        connection.terminate()


async def reach(target: Target, wait_seconds: float, log: LazyLog, *, create: bool) -> Database:
    """Open a session, trying again until ``wait_seconds`` have passed; see ``session``.

    Raises:
        NoDatabaseError: the server has no such database.
        UnreachableError: the server does not answer within the limit.
    """
    deadline = time.monotonic() + wait_seconds
    was_told = False
    while True:
        missing = False
        # An attempt near the limit still gets the time that one usually takes.
        left = max(deadline - time.monotonic(), DEFAULT_CONNECT_SECONDS)
        limit = min(target.connect_seconds or left, left)
        try:
            return await open_session(target, limit)
        except UnreachableError:  # a certificate or a key
            raise
        except Exception as error:  # noqa: BLE001 - nobody knows what answers; told as `explain` puts it
            error = _root(error)
            missing = lacks_database(error)
            # A pooler may go on saying so after the server has it.
            if missing and (not create or time.monotonic() > deadline + CREATED_SECONDS):
                raise NoDatabaseError(
                    f"The server has no database named {target.database!r}. Create it, or run `routeiq-migrate up`."
                ) from None
            reason = redact(explain(error, target, limit), target.secrets)
            if not (missing or may_pass(error)):
                raise UnreachableError(reason) from None
            if not missing and time.monotonic() >= deadline:
                raise UnreachableError(f"{reason} Gave up after {wait_seconds:g} s.") from None
            if not (missing or was_told):
                log.info("waiting for the database", limit_s=wait_seconds, reason=reason)
                was_told = True
        if missing:
            await create_database(target, limit)
        await pause(0.2, 0.6, until=deadline)


def _root(error: Exception) -> Exception:
    """Return what an error was made of: of what ended a session, and of what a connection was hung up on for."""
    told = error.__cause__ if isinstance(error, SessionLostError) else error
    cause = told.__cause__ if told is not None else None
    root = cause if isinstance(cause, WrongAnswerError) else told
    return root if isinstance(root, Exception) else error


def explain(error: Exception, target: Target, limit: float) -> str:
    """Say what keeps us out and what to do about it; ``limit`` is what the attempt had, in seconds."""
    place = f"PostgreSQL at {target.host}:{target.port}"
    match error:
        case _ if advice := pooler_advice(error):
            return f"{place} refuses the session: {pooler_words(error)}. {advice}"
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            advice = "Check user name and password in DATABASE_URL or DIRECT_URL, and pg_hba.conf."
            return f"{place} does not let user {target.user!r} in: {primary(error)}. {advice}"
        case ssl.SSLCertVerificationError():
            return (
                f"The certificate of {place} does not verify: {error.verify_message}. Give its authority with "
                "sslrootcert= (libpq) or sslcert= (Prisma) and connect by the name it was issued for."
            )
        case ssl.SSLError():
            return f"No TLS session with {place}: {error.reason}. Check sslmode and the client certificate."
        case socket.gaierror():
            return f"The host name {target.host!r} is unknown: {error.strerror}. Check it in the database URL."
        case TimeoutError():
            return f"{place} did not answer within {limit:.3g} s. Check host and port, or raise connect_timeout."
        case ConnectionError() if no_tls(error):
            return f"{place} offers no TLS, and the database URL demands it. Turn it on there, or relax sslmode."
        case asyncpg.PostgresError():
            return f"{place} refuses the session: {primary(error)}."
        case OSError() | asyncpg.InterfaceError() | SessionLostError():
            return f"{place} cannot be reached: {str(error).rstrip('.')}. Check host and port in the database URL."
        case _:
            kind = type(error).__name__
            return f"{place} does not answer as PostgreSQL does ({kind}). Check host and port in the database URL."


async def create_database(target: Target, limit: float) -> None:
    """Create the database that ``target`` names, from the maintenance database, as Prisma does; it may be tried again.

    Raises:
        UnreachableError: this user may not.
    """
    try:
        connection = await open_connection(target, limit, "postgres", kind=Told)
    except Exception as error:  # noqa: BLE001 - as in `reach`
        if may_pass(error):
            return
        raise UnreachableError(
            f"The server has no database named {target.database!r}, and the database 'postgres', from which to create "
            f"it, lets us not in: {redact(primary(error), target.secrets)}. Create it by hand: CREATE DATABASE "
            f"{identifier(target.database)} OWNER {identifier(target.user)};"
        ) from None
    try:
        # Another migrator may create it at the same instant.
        with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
            await connection.execute(f"CREATE DATABASE {identifier(target.database)}")
    except (asyncpg.PostgresError, SessionLostError) as error:
        if may_pass(_root(error)):
            return
        raise UnreachableError(
            f"The server has no database named {target.database!r}, and user {target.user!r} cannot create it: "
            f"{redact(primary(error), target.secrets)}. Create it by hand: CREATE DATABASE "
            f"{identifier(target.database)} OWNER {identifier(target.user)};"
        ) from None
    finally:
        await close(connection)
