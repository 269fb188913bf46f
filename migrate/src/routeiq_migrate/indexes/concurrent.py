"""The indexes that are built beside the migrations, and what LiteLLM does after it has migrated.

Follows LiteLLM's ``request_log_indexes.py`` and ``ProxyExtrasDBManager.repair_invalid_indexes``, names and locks
included, so that either program recognises what the other built.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from routeiq_migrate.apply.apply import INDEX_STATE, Build
from routeiq_migrate.database.locks import LITELLM_LOCK, REPAIR_LOCK, holding, try_locks
from routeiq_migrate.database.session import LOST, identifier, primary
from routeiq_migrate.errors import MigrationFailedError
from routeiq_migrate.job import Job, failure_text

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


@asynccontextmanager
async def unhurried(job: Job, lock_timeout: str = "0") -> AsyncIterator[None]:
    """Lift the time-outs for a build: it takes as long as its table is large and others' transactions are long."""
    connection = job.database.connection
    await connection.execute(f"SET statement_timeout = 0; SET lock_timeout = '{lock_timeout}'")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("RESET statement_timeout; RESET lock_timeout")


async def build_index(job: Job, build: Build) -> None:
    """Build a migration's index while writers go on; a broken one of that name is dropped first.

    Raises:
        MigrationFailedError: the build failed or left an invalid index.
        LOST: the connection to the server is gone.
    """
    connection, schema = job.database.connection, job.database.target.schema
    name = build.index.index
    job.log.info("building an index while writers go on", migration=build.migration.name, index=name)
    async with holding(job.database, (LITELLM_LOCK,), job.patience), unhurried(job):
        try:
            if await connection.fetchval(INDEX_STATE, schema, name) is False:
                await connection.execute(f"DROP INDEX CONCURRENTLY {identifier(schema)}.{identifier(name)}")
            await connection.execute(build.migration.script)
            valid = await connection.fetchval(INDEX_STATE, schema, name)
        except LOST:
            raise
        except asyncpg.PostgresError as error:
            raise MigrationFailedError(failure_text(job, build.migration.name, error)) from None
    if not valid:
        raise MigrationFailedError(f"Migration {build.migration.name!r} left index {name!r} invalid. Run again.")


async def repair_indexes(job: Job) -> list[str]:
    """Rebuild indexes that an interrupted build left invalid; return what could not be repaired, and why.

    Raises:
        LOST: the connection to the server is gone.
    """
    database, connection = job.database, job.database.connection
    schema = database.target.schema
    broken = [record["name"] for record in await connection.fetch(INVALID_INDEXES, schema)]
    if not broken or database.pooled:
        return [f"invalid index {name} (behind a pooler it cannot be rebuilt: set DIRECT_URL)" for name in broken]
    problems: list[str] = []
    if not await try_locks(connection, (REPAIR_LOCK,), transaction=False):
        job.log.info("another process is rebuilding the invalid indexes", indexes=broken)
        return []
    try:
        for name in broken:
            async with holding(database, (LITELLM_LOCK,), job.patience), unhurried(job, REPAIR_WAIT):
                index = f"{identifier(schema)}.{identifier(name)}"
                verb = "DROP INDEX CONCURRENTLY IF EXISTS" if TRANSIENT.search(name) else "REINDEX INDEX CONCURRENTLY"
                try:
                    # Another migrator may have repaired or dropped it while we waited for the lock.
                    if await connection.fetchval(INDEX_STATE, schema, name) is False:
                        await connection.execute(f"{verb} {index}")
                        job.log.warning("repaired an invalid index", index=name, action=verb)
                except LOST:
                    raise
                except asyncpg.PostgresError as error:
                    problems.append(f"invalid index {name}: {primary(error)}")
    finally:
        if not connection.is_closed():
            await connection.execute(f"SELECT pg_advisory_unlock({REPAIR_LOCK})")
    return problems


async def full_identity(job: Job) -> list[str]:
    """Set REPLICA IDENTITY FULL on LiteLLM's tables; return what could not be set, and why.

    Raises:
        LOST: the connection to the server is gone.
    """
    database, connection = job.database, job.database.connection
    problems: list[str] = []
    for record in await connection.fetch(WITHOUT_FULL_IDENTITY, database.target.schema):
        table = f"{identifier(database.target.schema)}.{identifier(record['relname'])}"
        try:
            async with connection.transaction():  # no unit: behind a pooler there is no transaction around this
                await connection.execute("SET LOCAL lock_timeout = '5s'")
                await connection.execute(f"ALTER TABLE {table} REPLICA IDENTITY FULL")
        except LOST:
            raise
        except asyncpg.PostgresError as error:
            problems.append(f"REPLICA IDENTITY FULL of {record['relname']}: {primary(error)}")
        else:
            job.log.info("set REPLICA IDENTITY FULL", table=record["relname"])
    return problems
