"""Applying a plan: one transaction a migration, holding its ledger row and its script.

Prisma commits the row first and the script after it, so that a process killed in between leaves a ledger that does
not tell what happened. Here both come or neither does, and the next run goes on where the ledger ends.

A script that is one CREATE INDEX CONCURRENTLY runs without that word inside its transaction while the table is small.
On a large one the index is built first, outside any transaction and without Prisma's lock (whoever blocks on that
lock holds a snapshot the build would wait for), and the script is recorded after: see ``Build``.
"""

import time
from dataclasses import dataclass
from functools import partial

import asyncpg

from routeiq_migrate.apply.adopt import adopt
from routeiq_migrate.apply.permission import Finding, check, examine_scripts, guard
from routeiq_migrate.database.blockers import Watch
from routeiq_migrate.database.catalogue import WRITERS_WAIT, index_is_valid, qualified, table_bytes, table_exists
from routeiq_migrate.database.session import Database
from routeiq_migrate.errors import RefusedError
from routeiq_migrate.failure import failing_as
from routeiq_migrate.indexes.request_logs import needs_of_indexes
from routeiq_migrate.ledger import (
    create_ledger,
    create_own_ledger,
    new_id,
    read_ledgers,
    rolled_back,
    started,
    succeeded,
)
from routeiq_migrate.plan.migration import Ledgers, Migration
from routeiq_migrate.plan.needs import needs_of_plan, tables_of
from routeiq_migrate.plan.plan import Apply, Build, Finish, Plan, Step
from routeiq_migrate.plan.script_kinds import ConcurrentIndex, concurrent_index
from routeiq_migrate.rights.check import require
from routeiq_migrate.runtime.pace import pause
from routeiq_migrate.runtime.report import Report
from routeiq_migrate.scripts import Scripts

ATTEMPTS = 4
"""How often one migration is tried while others deadlock with it."""


@dataclass(frozen=True)
class Applier:
    """Applies what one database lacks; the caller holds the locks.

    Attributes:
        database: the session.
        scripts: the migrations on disk.
        allowed: names of migrations that may destroy data.
        large_bytes: the table size from which an index is built concurrently.
        report: where each migration is reported.
    """

    database: Database
    scripts: Scripts
    allowed: frozenset[str]
    large_bytes: int
    report: Report

    async def apply_pending(self) -> Build | None:
        """Apply what is pending, in order.

        Returns:
            None when nothing is pending any more; otherwise the build to do without the locks before coming back.

        Raises:
            RefusedError: the plan cannot go on unasked; nothing was changed.
            MissingRightsError: the user may not do all of it; nothing was changed.
            MigrationFailedError: a script failed and was rolled back; those before it stay applied.
        """
        database = self.database
        ledgers = await read_ledgers(database)
        plan = self.scripts.plan_or_refuse(ledgers)
        if plan.current:
            return None
        if ledgers.read_only:
            raise RefusedError(
                "The database is read-only (a standby, or default_transaction_read_only), and migrations are pending. "
                "Point DATABASE_URL or DIRECT_URL at the writer."
            )
        indexes = await needs_of_indexes(database)
        await require(database, lambda: needs_of_plan(plan, ledgers) | indexes, "the pending migrations")
        findings = await find_dangers(database, plan, ledgers)
        check(findings, self.allowed)
        if plan.steps:
            async with failing_as(Watch(database, self.report.log, "the migration ledger")):
                await create_ledger(database, ledgers)
        self.report.progress.start(len(plan.names))
        for number, step in enumerate(plan.steps, 1):
            mine = tuple(finding for finding in findings if finding.migration == step.migration.name)
            build = await self.timed_step(step, mine, last=number == len(plan.steps) and not plan.own)
            if build is not None:
                return build
        if plan.own and ledgers.own is None:
            async with failing_as(Watch(database, self.report.log, "the ledger of schema routeiq")):
                await create_own_ledger(database)
        for migration in plan.own:
            began = time.perf_counter()
            async with failing_as(Watch(database, self.report.log, migration.name)):
                await apply_own(database, migration)
            self.report.progress.applied(f"routeiq/{migration.name}", (time.perf_counter() - began) * 1000)
        return None

    async def timed_step(self, step: Step, findings: tuple[Finding, ...], *, last: bool) -> Build | None:
        """Run one step, and report it when it is done.

        Raises:
            SessionLostError: the session has ended.
            MigrationFailedError: a statement failed; the message says why and what to do.
        """
        name = step.migration.name
        began = time.perf_counter()
        watch = Watch(self.database, self.report.log, name, partial(tables_of, step.migration.script))
        with self.report.telemetry.span("migration", name=name):
            async with failing_as(watch, resolvable=True):
                build = await self.patient_step(step, findings, last=last)
        if build is None:
            self.report.progress.applied(name, (time.perf_counter() - began) * 1000)
        return build

    async def patient_step(self, step: Step, findings: tuple[Finding, ...], *, last: bool) -> Build | None:
        """Run one step, again after a deadlock.

        Raises:
            DeadlockDetectedError: behind a pooler, or at the last attempt.
            SerializationError: behind a pooler, or at the last attempt.
        """
        for attempt in range(1, ATTEMPTS):
            try:
                return await self.run_step(step, findings, last=last)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
                # Behind a pooler the surrounding transaction is lost with its locks: only a new run can try again.
                if self.database.pooled:
                    raise
                self.report.log.info("deadlock, trying again", migration=step.migration.name, attempt=attempt)
                await pause(0.1 * attempt, 0.5 * attempt)
        return await self.run_step(step, findings, last=last)

    async def run_step(self, step: Step, findings: tuple[Finding, ...], *, last: bool) -> Build | None:
        """Run one step in its transaction.

        Args:
            step: what is to be done.
            findings: the findings on the step's statements.
            last: whether the run commits nothing after this step.

        Returns:
            None when the step is done; otherwise the build to do before it.

        Raises:
            DuplicateColumnError: a column is there already, and no crash explains it.
            DuplicateObjectError: an object is there already, and no crash explains it.
            DuplicateTableError: a table is there already, and no crash explains it.
            LockNotAvailableError: writers hold the table too long.
        """
        database, connection, log = self.database, self.database.connection, self.report.log
        if isinstance(step, Finish):
            async with database.unit():
                await connection.execute(succeeded(database, step.row.id))
            log.info("recorded the end of a migration that had succeeded", migration=step.migration.name)
            return None
        migration, replaces = step.migration, step.replaces
        script = migration.script
        concurrent = concurrent_index(script)
        if concurrent is not None:
            if await self.needs_build(concurrent):
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
                await guard(database, findings, self.allowed)
                if concurrent is not None:
                    await drop_invalid(database, concurrent.index)
                await connection.execute(script)
        except (asyncpg.DuplicateColumnError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
            if replaces is None or not step.perhaps_done:
                raise
            await adopt(database, migration, replaces.id, log)
        except asyncpg.LockNotAvailableError:
            if concurrent is None or database.pooled:
                raise
            return Build(migration, concurrent)
        return None

    async def needs_build(self, index: ConcurrentIndex) -> bool:
        """Whether the index has to be built outside a transaction: it is missing or broken, and its table large."""
        table = qualified(self.database, index.table)
        if await index_is_valid(self.database, index.index) or not await table_exists(self.database, table):
            return False
        size = await table_bytes(self.database, table)
        if size < self.large_bytes:
            return False
        if self.database.pooled:
            self.report.log.warning(
                "writers wait while this index is built: behind a transaction pooler it cannot be built concurrently; "
                "set DIRECT_URL to avoid that",
                index=index.index,
                table=index.table,
                bytes=size,
            )
        return not self.database.pooled


async def find_dangers(database: Database, plan: Plan, ledgers: Ledgers) -> tuple[Finding, ...]:
    """Judge the pending scripts. LiteLLM's own are skipped while its schema has no tables: nothing can be lost."""
    pending = [step.migration for step in plan.steps if isinstance(step, Apply)]
    return await examine_scripts(database, [script for script in pending if not (ledgers.fresh and script.shipped)])


async def drop_invalid(database: Database, index: str) -> None:
    """Drop what an interrupted build left, which IF NOT EXISTS would take for the index."""
    if await index_is_valid(database, index) is False:
        await database.connection.execute(f"DROP INDEX {qualified(database, index)}")


async def apply_own(database: Database, migration: Migration) -> None:
    """Apply one migration of schema ``routeiq`` and record it."""
    async with database.unit():
        await database.connection.execute(migration.script)
        await database.connection.execute(
            "INSERT INTO routeiq.migration (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
        )
