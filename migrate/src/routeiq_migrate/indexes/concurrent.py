"""The indexes that are built beside the migrations, and what LiteLLM does after it has migrated.

Follows LiteLLM's ``request_log_indexes.py`` and ``ProxyExtrasDBManager.repair_invalid_indexes``, names and locks
included, so that either program recognises what the other built.
"""

import re

import asyncpg

from routeiq_migrate.database.blockers import Watch
from routeiq_migrate.database.catalogue import index_is_valid, qualified, unhurried
from routeiq_migrate.database.locks import REPAIR_LOCK, Locks, try_locks
from routeiq_migrate.database.session import Database
from routeiq_migrate.errors import MigrationFailedError
from routeiq_migrate.failure import failing_as
from routeiq_migrate.plan.plan import Build
from routeiq_migrate.rights.check import reason_with_grants
from routeiq_migrate.runtime.lazy_log import LazyLog

TRANSIENT = re.compile(r"_cc(?:new|old)\d*$")
REPAIR_WAIT = "30s"
"""LiteLLM's limit on waiting for others before a rebuild, which the next run can do as well."""

INVALID_INDEXES = """SELECT i.relname AS name FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE NOT x.indisvalid AND i.relkind = 'i' AND n.nspname = $1 AND t.relname LIKE 'LiteLLM\\_%'
AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid) ORDER BY 1"""

WITHOUT_FULL_IDENTITY = """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relreplident <> 'f' AND n.nspname = $1 AND c.relname LIKE 'LiteLLM\\_%' ORDER BY 1"""


async def build_index(database: Database, build: Build, locks: Locks, log: LazyLog) -> None:
    """Build a migration's index while writers go on; a broken one of that name is dropped first.

    Raises:
        MigrationFailedError: the build failed or left an invalid index.
        SessionLostError: the session has ended.
    """
    connection, migration, name = database.connection, build.migration, build.index.index
    log.info("building an index while writers go on", migration=migration.name, index=name)
    watch = Watch(database, log, migration.name)
    async with locks.building(database), unhurried(connection), failing_as(watch, resolvable=True):
        if await index_is_valid(database, name) is False:
            await connection.execute(f"DROP INDEX CONCURRENTLY {qualified(database, name)}")
        await connection.execute(migration.script)
        valid = await index_is_valid(database, name)
    if not valid:
        raise MigrationFailedError(f"Migration {migration.name!r} left index {name!r} invalid. Run again.")


async def repair_indexes(database: Database, locks: Locks, log: LazyLog) -> list[str]:
    """Rebuild indexes that an interrupted build left invalid; return what could not be repaired, and why.

    Raises:
        SessionLostError: the session has ended.
    """
    connection = database.connection
    broken = [record["name"] for record in await connection.fetch(INVALID_INDEXES, database.target.schema)]
    if not broken or database.pooled:
        return [f"invalid index {name} (behind a pooler it cannot be rebuilt: set DIRECT_URL)" for name in broken]
    problems: list[str] = []
    if not await try_locks(connection, (REPAIR_LOCK,), transaction=False):
        log.info("another process is rebuilding the invalid indexes", indexes=broken)
        return []
    try:
        for name in broken:
            async with locks.building(database), unhurried(connection, REPAIR_WAIT):
                verb = "DROP INDEX CONCURRENTLY IF EXISTS" if TRANSIENT.search(name) else "REINDEX INDEX CONCURRENTLY"
                try:
                    # Another migrator may have repaired or dropped it while we waited for the lock.
                    if await index_is_valid(database, name) is False:
                        async with Watch(database, log, name).waiting():
                            await connection.execute(f"{verb} {qualified(database, name)}")
                        log.warning("repaired an invalid index", index=name, action=verb)
                except asyncpg.PostgresError as error:
                    words = await reason_with_grants(database, error, database.target.schema, name)
                    problems.append(f"invalid index {name}: {words}")
    finally:
        if not connection.is_closed():
            await connection.execute(f"SELECT pg_advisory_unlock({REPAIR_LOCK})")
    return problems


async def full_identity(database: Database, log: LazyLog) -> list[str]:
    """Set REPLICA IDENTITY FULL on LiteLLM's tables; return what could not be set, and why.

    Raises:
        SessionLostError: the session has ended.
    """
    connection = database.connection
    problems: list[str] = []
    for record in await connection.fetch(WITHOUT_FULL_IDENTITY, database.target.schema):
        try:
            async with connection.transaction():  # no unit: behind a pooler there is no transaction around this
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(f"ALTER TABLE {qualified(database, record['relname'])} REPLICA IDENTITY FULL")
        except asyncpg.PostgresError as error:
            words = await reason_with_grants(database, error, database.target.schema, record["relname"])
            problems.append(f"REPLICA IDENTITY FULL of {record['relname']}: {words}")
        else:
            log.info("set REPLICA IDENTITY FULL", table=record["relname"])
    return problems
