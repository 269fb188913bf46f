"""Applying a plan: one transaction a migration, holding its ledger row and its script.

Prisma commits the row first and the script after it, so that a process killed in between leaves a ledger that does
not tell what happened. Here both come or neither does, and the next run goes on where the ledger ends.

A script that is one CREATE INDEX CONCURRENTLY runs without that word inside its transaction while the table is small.
On a large one the index is built first, outside any transaction and without Prisma's lock (whoever blocks on that
lock holds a snapshot the build would wait for), and the script is recorded after: see ``Build``.
"""

import asyncio
import random
import time
from dataclasses import dataclass

import asyncpg

from routeiq_migrate.apply.adopt import adopt
from routeiq_migrate.apply.permission import Verdict, check, find_verdicts, guard
from routeiq_migrate.database.session import LOST, Database, identifier
from routeiq_migrate.errors import MigrationFailedError, RefusedError
from routeiq_migrate.job import Job, failure_text, run
from routeiq_migrate.ledger import (
    State,
    create_ledger,
    create_own_ledger,
    new_id,
    read_state,
    rolled_back,
    started,
    succeeded,
)
from routeiq_migrate.plan.lexer import ConcurrentIndex, concurrent_index
from routeiq_migrate.plan.plan import Apply, Finish, Migration, Plan, Step, make_plan

ATTEMPTS = 4
"""How often one migration is tried while others deadlock with it."""

WRITERS_WAIT = "200ms"
"""How long writers may queue behind an index build that waits for an open transaction."""

INDEX_STATE = """SELECT x.indisvalid FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE n.nspname = $1 AND i.relname = $2"""

TABLE_BYTES = """SELECT (pg_table_size($1::text::regclass) + coalesce(
    (SELECT sum(pg_table_size(relid)) FROM pg_partition_tree($1::text::regclass) WHERE isleaf), 0))::bigint"""


@dataclass(frozen=True)
class Build:
    """An index that has to be built before its migration can be recorded."""

    migration: Migration
    index: ConcurrentIndex


async def apply_pending(job: Job) -> Build | None:
    """Apply what is pending, in order; the caller holds the locks.

    Returns:
        None when nothing is pending any more; otherwise the build to do without the locks before coming back.

    Raises:
        RefusedError: the plan cannot go on unasked; nothing was changed.
        MigrationFailedError: a script failed and was rolled back; those before it stay applied.
    """
    state = await read_state(job.database)
    plan = make_plan(job.shipped, job.own, state.ledgers)
    if plan.current:
        return None
    if state.read_only:
        raise RefusedError(
            "The database is read-only (a standby, or default_transaction_read_only), and migrations are pending. "
            "Point DATABASE_URL or DIRECT_URL at the writer."
        )
    verdicts = await find_dangers(job, plan, state)
    check(verdicts, job.allowed)
    if plan.steps:
        await run(job, "the migration ledger", create_ledger(job.database, state))
    job.progress.start(len(plan.names))
    for number, step in enumerate(plan.steps, 1):
        mine = tuple(verdict for verdict in verdicts if verdict.migration == step.migration.name)
        build = await timed_step(job, step, mine, last=number == len(plan.steps) and not plan.own)
        if build is not None:
            return build
    if plan.own and not state.own_exists:
        await run(job, "the ledger of schema routeiq", create_own_ledger(job.database))
    for migration in plan.own:
        began = time.perf_counter()
        await run(job, migration.name, apply_own(job.database, migration))
        job.progress.applied(f"routeiq/{migration.name}", (time.perf_counter() - began) * 1000)
    return None


async def find_dangers(job: Job, plan: Plan, state: State) -> tuple[Verdict, ...]:
    """Judge the pending scripts; in a schema without tables LiteLLM's own can lose nothing and need no judging."""
    scripts = [step.migration for step in plan.steps if isinstance(step, Apply)]
    if state.ledgers.fresh:
        scripts = [migration for migration in scripts if not migration.shipped]
    return await find_verdicts(job.database, scripts) if scripts else ()


async def timed_step(job: Job, step: Step, verdicts: tuple[Verdict, ...], *, last: bool) -> Build | None:
    """Run one step, again after a deadlock; report it when it is done.

    Raises:
        AssertionError: a rule of this code is broken.
        LOST: the connection to the server is gone.
        MigrationFailedError: a statement failed; the message says why and what to do.
    """
    name = step.migration.name
    began = time.perf_counter()
    with job.telemetry.span("migration", name=name):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                build = await run_step(job, step, verdicts, last=last)
                break
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                # Behind a pooler the surrounding transaction is lost with its locks: only a new run can try again.
                if attempt == ATTEMPTS or job.database.pooled:
                    raise MigrationFailedError(failure_text(job, name, error)) from None
                job.log.info("deadlock, trying again", migration=name, attempt=attempt)
                await asyncio.sleep(random.uniform(0.1, 0.5) * attempt)  # noqa: S311 - jitter
            except LOST:
                raise
            except asyncpg.PostgresError as error:
                raise MigrationFailedError(failure_text(job, name, error)) from None
        else:
            raise AssertionError("unreachable: the last attempt breaks or raises")
    if build is None:
        job.progress.applied(name, (time.perf_counter() - began) * 1000)
    return build


async def run_step(job: Job, step: Step, verdicts: tuple[Verdict, ...], *, last: bool) -> Build | None:
    """Run one step in its transaction.

    Raises:
        DuplicateColumnError: a column is there already, and no crash explains it.
        DuplicateObjectError: an object is there already, and no crash explains it.
        DuplicateTableError: a table is there already, and no crash explains it.
        LockNotAvailableError: writers hold the table too long.
    """
    database, connection = job.database, job.database.connection
    if isinstance(step, Finish):
        async with database.unit():
            await connection.execute(succeeded(database, step.row.id))
        job.log.info("recorded the end of a migration that had succeeded", migration=step.migration.name)
        return None
    migration, replaces = step.migration, step.replaces
    script = migration.script
    concurrent = concurrent_index(script)
    if concurrent is not None:
        if await needs_build(job, concurrent):
            return Build(migration, concurrent)
        script = concurrent.plain
    row_id = new_id()
    before = [started(database, migration, row_id)]
    if replaces is not None:
        before.insert(0, rolled_back(database, replaces.id))
    if concurrent is not None and not database.pooled:  # there it would outlast this part of the transaction
        before.append(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
    if not last and not database.pooled:
        # The last commit of the run flushes those before it; a crash earlier takes script and row together.
        before.append("SET LOCAL synchronous_commit TO off")
    try:
        async with database.unit(first="; ".join(before), last=succeeded(database, row_id)):
            await guard(database, verdicts, job.allowed)
            if concurrent is not None:
                await drop_invalid(database, concurrent.index)
            await connection.execute(script)
    except (asyncpg.DuplicateColumnError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
        if replaces is None or not step.perhaps_done:
            raise
        await adopt(job, migration, replaces.id)
    except asyncpg.LockNotAvailableError:
        if concurrent is None or database.pooled:
            raise
        return Build(migration, concurrent)
    return None


async def needs_build(job: Job, index: ConcurrentIndex) -> bool:
    """Whether the index has to be built outside a transaction: it is missing or broken, and its table large."""
    database = job.database
    schema = database.target.schema
    if await database.connection.fetchval(INDEX_STATE, schema, index.index):
        return False
    table = f"{identifier(schema)}.{identifier(index.table)}"
    if not await database.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
        return False
    size = await database.connection.fetchval(TABLE_BYTES, table)
    if size < job.large_bytes:
        return False
    if database.pooled:
        job.log.warning(
            "writers wait while this index is built: behind a transaction pooler it cannot be built concurrently; "
            "set DIRECT_URL to avoid that",
            index=index.index,
            table=index.table,
            bytes=size,
        )
        return False
    return True


async def drop_invalid(database: Database, index: str) -> None:
    """Drop what an interrupted build left, which IF NOT EXISTS would take for the index."""
    schema = database.target.schema
    if await database.connection.fetchval(INDEX_STATE, schema, index) is False:
        await database.connection.execute(f"DROP INDEX {identifier(schema)}.{identifier(index)}")


async def apply_own(database: Database, migration: Migration) -> None:
    """Apply one migration of schema ``routeiq`` and record it."""
    async with database.unit():
        await database.connection.execute(migration.script)
        await database.connection.execute(
            "INSERT INTO routeiq.migration (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
        )
