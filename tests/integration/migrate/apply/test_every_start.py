"""Every version of the schema as a starting point, with rows in the tables that grow large."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from routeiq_migrate.apply.apply import Applier
from routeiq_migrate.commands.up import Options, bring_up
from routeiq_migrate.database.locks import Locks
from routeiq_migrate.database.session import Database
from routeiq_migrate.database.url import parse_url
from routeiq_migrate.plan.migration import Migration
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.progress import Progress
from routeiq_migrate.runtime.report import Report
from routeiq_migrate.runtime.telemetry import Telemetry
from routeiq_migrate.scripts import Scripts, extras_folder, own_migrations, shipped_migrations
from tests.support.migrate import CREATE_LEDGER, DONE, FINGERPRINT, is_current, migrate, shipped_scripts
from tests.support.postgres import PostgresServer

FILL = """
INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime")
    SELECT 'r' || i, 'completion', now() - i * interval '1 minute', now() FROM generate_series(1, 200) i;
INSERT INTO "LiteLLM_VerificationToken" (token, spend) SELECT 't' || i, i FROM generate_series(1, 50) i;
INSERT INTO "LiteLLM_UserTable" (user_id) SELECT 'u' || i FROM generate_series(1, 50) i;
INSERT INTO "LiteLLM_AuditLog" (id, action, table_name, object_id, updated_values)
    SELECT 'a' || i, 'created', 'x', 'o', '{}' FROM generate_series(1, 50) i;
INSERT INTO "LiteLLM_ErrorLogs" (request_id, "startTime", "endTime")
    SELECT 'e' || i, now(), now() FROM generate_series(1, 50) i;
"""


STEP = 30
"""Every so manieth start is also a database of its own, brought up by the command."""


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """One connection."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        yield connection
    finally:
        await connection.close()


@functools.cache
def shipped() -> tuple[Migration, ...]:
    """LiteLLM's migrations, read once."""
    return shipped_migrations(extras_folder(), None)


OPTIONS = Options(allowed=frozenset(), large_bytes=2**26, replica_identity_full=False)


def inside(connection: "asyncpg.Connection[asyncpg.Record]", url: str) -> Database:
    """Return the database of a connection inside a transaction: what is done there is rolled back after."""
    # "Pooled": everything happens in the surrounding transaction, each migration in a part of it.
    return Database(connection, parse_url(url, setting="DATABASE_URL"), pooled=True)


def errors_only() -> Report:
    """Return a report that logs errors alone."""
    log = LazyLog(level="ERROR", form="json")
    return Report(log, Progress(log, terminal=False), Telemetry())


async def outcome(connection: "asyncpg.Connection[asyncpg.Record]", url: str) -> tuple[str, int, int]:
    """Bring the database up, look at it, and put it back: schema, rows of the request log, migrations applied."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        report = errors_only()
        scripts, locks = Scripts(shipped(), own_migrations()), Locks(60, report.log, prisma=True)
        await bring_up(inside(connection, url), scripts, locks, OPTIONS, report)
        return (
            await connection.fetchval(FINGERPRINT),
            await connection.fetchval('SELECT count(*) FROM "LiteLLM_SpendLogs"'),
            await connection.fetchval("SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL"),
        )
    finally:
        await transaction.rollback()


@pytest.mark.timeout(400)
def test_every_version_with_rows_reaches_the_present(server: PostgresServer) -> None:
    """From 0 to n migrations applied, each with rows in its large tables: one and the same schema, and every row."""
    scripts = shipped_scripts()

    async def walk_along(parity: int) -> dict[int, tuple[str, int, int]]:
        url = await asyncio.to_thread(server.create_database, f"walk_{parity}")
        outcomes = {}
        async with connected(url) as connection:
            await connection.execute(CREATE_LEDGER)
            for applied, script in enumerate([*scripts, None]):
                if applied % 2 == parity:
                    outcomes[applied] = await outcome(connection, url)
                if applied % 20 == parity:  # what was rolled back lies about in the catalogues and slows them down
                    await connection.execute("VACUUM")
                if script is not None:
                    await connection.execute(script.path.read_text())
                    await connection.execute(script.recorded)
                if applied == 0:
                    await connection.execute(FILL)
        return outcomes

    async def walk_twice() -> dict[int, tuple[str, int, int]]:
        even, odd = await asyncio.gather(walk_along(0), walk_along(1))
        return even | odd

    outcomes = asyncio.run(walk_twice())
    assert sorted(outcomes) == list(range(len(scripts) + 1))
    assert {schema for schema, _, _ in outcomes.values()} == {outcomes[0][0]}
    assert {start for start, (_, rows, _) in outcomes.items() if rows != 200} == {0}
    assert {migrations for _, _, migrations in outcomes.values()} == {len(scripts)}
    for parity in (0, 1):
        server.drop_database(f"walk_{parity}")


@pytest.mark.timeout(300)
def test_every_migration_may_have_crashed_after_it_committed(server: PostgresServer) -> None:
    """For each migration: committed, its row left as Prisma leaves it after a kill. Recognised, and nothing changes."""
    server.create_database("crash_walk")
    walk = server.url("crash_walk")

    async def recover(connection: "asyncpg.Connection[asyncpg.Record]", name: str, count: int) -> None:
        transaction = connection.transaction()
        await transaction.start()
        before = await connection.fetchval(FINGERPRINT)
        await connection.execute(
            "UPDATE _prisma_migrations SET finished_at = NULL, applied_steps_count = 0 WHERE migration_name = $1", name
        )
        scripts = Scripts(shipped()[:count], own_migrations())
        applier = Applier(inside(connection, walk), scripts, OPTIONS.allowed, OPTIONS.large_bytes, errors_only())
        assert await applier.apply_pending() is None
        assert await connection.fetchval(FINGERPRINT) == before, name
        rows = await connection.fetch(
            "SELECT finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS rolled_back "
            "FROM _prisma_migrations WHERE migration_name = $1 ORDER BY 1",
            name,
        )
        assert [tuple(row) for row in rows] == [(False, True), (True, False)], name
        await transaction.rollback()

    async def walk_along() -> None:
        async with connected(walk) as connection:
            await connection.execute(CREATE_LEDGER)
            for number, script in enumerate(shipped_scripts(), 1):
                await connection.execute(script.path.read_text())
                await connection.execute(script.recorded)
                await recover(connection, script.name, number)

    asyncio.run(walk_along())
    server.drop_database("crash_walk")


@pytest.mark.parametrize("start", range(0, len(shipped_scripts()) + 1, STEP))
def test_the_command_upgrades_a_database_of_that_age(
    server: PostgresServer, database: str, history: Callable[[int], str], start: int
) -> None:
    """Some of those starts again as an operator has them: a process, a database, a transaction a migration."""
    server.drop_database(database)
    server.create_database(database, template=history(start))
    if start:
        server.sql(FILL, database=database)
    done = migrate("up", url=server.url(database))
    assert done.returncode == DONE, done.stderr
    assert is_current(server, database)
    assert server.sql('SELECT count(*) FROM "LiteLLM_SpendLogs"', database=database) == ["200" if start else "0"]
