# What stands in the queries beside text is text of this module.
# ruff: noqa: S608
"""Whose transaction keeps a statement or a lock waiting, told while it waits and when it has waited in vain.

Who is meant is asked over a second session: the first one waits. No text of a query is told, which may hold data.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg

from routeiq_migrate.database.connect import Connection, open_connection
from routeiq_migrate.database.session import Database
from routeiq_migrate.runtime.known_secrets import redact
from routeiq_migrate.runtime.lazy_log import LazyLog

FIRST_SECONDS = 0.5
"""How long a statement may take before it is asked whether it waits; nearly all are done by then."""

AGAIN_SECONDS = 1.0
TOLD_SECONDS = 30.0
"""How often the same wait is told."""

SESSION = """s.pid, s.usename AS user, s.application_name AS application, s.state,
extract(epoch FROM clock_timestamp() - s.xact_start)::float8 AS seconds"""

# A transaction that was prepared for a second phase has no process.
BLOCKING = f"""SELECT {SESSION} FROM unnest(pg_blocking_pids($1)) AS b(pid) LEFT JOIN pg_stat_activity s USING (pid)
ORDER BY s.xact_start"""

ADVISORY = f"""SELECT DISTINCT {SESSION} FROM pg_locks l JOIN pg_stat_activity s USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.pid <> pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (l.classid::bigint << 32) | l.objid::bigint = ANY ($1::bigint[])"""

HOLDING = f"""SELECT DISTINCT {SESSION} FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_activity s USING (pid)
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND n.nspname = $1 AND c.relname = ANY ($2::text[])"""


@dataclass
class Wait:
    """What a statement waits for, or waited for last; empty where it did not wait."""

    whose: str = ""


@dataclass(frozen=True)
class Watch:
    """Watches statements of one session.

    Attributes:
        database: the session.
        log: where a wait is told.
        what: the name of the migration or task.
        tables: tells the names of the tables that it locks, asked where a wait is over before it was looked at.
    """

    database: Database
    log: LazyLog
    what: str
    tables: Callable[[], frozenset[str]] = frozenset

    @contextlib.asynccontextmanager
    async def waiting(self) -> AsyncIterator[Wait]:
        """Look while the body runs; a body that ends for a lock leaves in the `Wait` whose it was.

        Raises:
            LockNotAvailableError: as the body did.
        """
        database = self.database
        process = database.connection.get_server_pid()
        if database.pooled:
            process = await database.connection.fetchval("SELECT pg_backend_pid()")
        wait = Wait()
        looking: list[asyncio.Task[None]] = []

        def look() -> None:
            looking.append(asyncio.create_task(self._look(process, wait)))

        # A timer costs next to nothing, and most of the two hundred migrations of a run end before it.
        timer = asyncio.get_running_loop().call_later(FIRST_SECONDS, look)
        try:
            yield wait
        except asyncpg.LockNotAvailableError:
            if not wait.whose:
                tables = sorted(self.tables())
                wait.whose = await sessions(database.connection, database, HOLDING, database.target.schema, tables)
            raise
        finally:
            timer.cancel()
            for task in looking:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _look(self, process: int, wait: Wait) -> None:
        target = self.database.target
        told = -TOLD_SECONDS
        while True:
            # Whatever keeps the second session out, the first one goes on.
            with contextlib.suppress(Exception):
                connection = await open_connection(target, target.connect_seconds or TOLD_SECONDS)
                try:
                    while True:
                        whose = await sessions(connection, self.database, BLOCKING, process)
                        now = asyncio.get_running_loop().time()
                        if whose and now - told >= TOLD_SECONDS:
                            told = now
                            self.log.info("waiting for other sessions", migration=self.what, whose=whose)
                        wait.whose = whose or wait.whose
                        await asyncio.sleep(AGAIN_SECONDS)
                finally:
                    connection.terminate()
            await asyncio.sleep(AGAIN_SECONDS)


async def sessions(connection: Connection, database: Database, query: str, *arguments: object) -> str:
    """Describe the sessions that ``query`` finds; empty for none."""
    found = await connection.fetch(query, *arguments)
    described = "; ".join(dict.fromkeys(describe(record) for record in found))
    return redact(described, database.target.secrets)


def describe(session: asyncpg.Record) -> str:
    """Describe one session by what pg_stat_activity lets this user see."""
    if session["pid"] is None:
        return "a prepared transaction (pg_prepared_xacts)"
    state = session["state"] or "whose state only pg_read_all_stats shows"
    age = "" if session["seconds"] is None else f", in a transaction for {session['seconds']:.0f} s"
    return f"process {session['pid']} of user {session['user']!r}, application {session['application']!r}, {state}{age}"


async def holders(database: Database, keys: tuple[int, ...]) -> str:
    """Describe the sessions that hold the advisory locks ``keys``; empty where that cannot be told."""
    with contextlib.suppress(asyncpg.PostgresError):
        return await sessions(database.connection, database, ADVISORY, list(keys))
    return ""
