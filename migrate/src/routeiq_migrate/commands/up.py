"""What each command does, given the session and the scripts it needs."""

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from routeiq_migrate.apply.apply import apply_pending
from routeiq_migrate.apply.permission import find_verdicts
from routeiq_migrate.database.locks import holding, lock_keys
from routeiq_migrate.database.session import LOST, Database, session
from routeiq_migrate.database.url import Target
from routeiq_migrate.errors import Exit, MigrationFailedError, NoDatabaseError, RefusedError, SettingsError
from routeiq_migrate.indexes.concurrent import build_index, full_identity, repair_indexes
from routeiq_migrate.indexes.request_logs import ensure_request_log_indexes
from routeiq_migrate.job import Job
from routeiq_migrate.ledger import State, create_ledger, read_at_once, read_state, resolved, rolled_back
from routeiq_migrate.plan.plan import Apply, Migration, Plan, make_plan

if TYPE_CHECKING:  # structlog takes 0.1 s to import, as long as a run that finds nothing to do
    from routeiq_migrate.runtime.logs import Log


ANSWER_SECONDS = 5.0
"""How long a server that has gone silent is listened to, in seconds; ``wait`` may exceed its limit by that."""


@dataclass(frozen=True)
class Scripts:
    """LiteLLM's migrations and ours, each in order."""

    shipped: tuple[Migration, ...]
    own: tuple[Migration, ...]

    def plan(self, state: State) -> Plan:
        """Return what ``state`` lacks."""
        return make_plan(self.shipped, self.own, state.ledgers)


async def up(job: Job) -> None:
    """Bring the database to where this image needs it; a database that is further is left as it is.

    Raises:
        RefusedError, MigrationFailedError, LockTimeoutError: see ``errors``.
    """
    state = await read_at_once(job.database)
    plan = make_plan(job.shipped, job.own, state.ledgers)
    warn(plan, job.log)
    if not plan.current:
        with job.telemetry.span("apply", pending=len(plan.names)):
            await apply_all(job)
    if not plan.ahead and not state.read_only:
        with job.telemetry.span("indexes"):
            await tidy(job)
    if job.progress.done:
        job.log.info("the database is current", applied=job.progress.done, ms=job.progress.milliseconds)
    else:
        print("The database is current: nothing to do.")  # noqa: T201 - the answer


async def apply_all(job: Job) -> None:
    """Apply all that is pending, leaving the locks for each index that has to be built without them."""
    while True:
        async with holding(job.database, lock_keys(prisma=job.prisma_lock), job.patience):
            build = await apply_pending(job)
        if build is None:
            return
        await build_index(job, build)


async def tidy(job: Job) -> None:
    """Do what LiteLLM does after migrating.

    Raises:
        MigrationFailedError: the schema is current, and something beside it could not be done.
    """
    problems = await repair_indexes(job)
    if job.replica_identity_full:
        problems += await full_identity(job)
    problems += await ensure_request_log_indexes(job)
    if problems:
        raise MigrationFailedError(
            "The schema is current, so a gateway can serve, but this is left to do: " + "; ".join(problems)
        )


def warn(plan: Plan, log: "Log") -> None:
    """Say what is odd about the ledger and stops nothing."""
    if plan.ahead:
        log.warning(
            "another release has migrated this database further than this image knows; that is left as it is",
            ahead=plan.ahead[:5],
            count=len(plan.ahead),
        )
    if plan.edited:
        log.warning(
            "applied migrations differ from the scripts of this image; Prisma passes over that, and so does this",
            migrations=plan.edited[:5],
            count=len(plan.edited),
        )


async def wait(target: Target, scripts: Scripts, limit: float, log: "Log") -> Exit:
    """Block until the database is current, at most ``limit`` seconds.

    Raises:
        UnreachableError: the server was not there in time, or it refused us.
    """
    deadline = time.monotonic() + limit
    reason = ""
    told = False
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            async with session(target, left, log, create=False) as database:
                while True:
                    async with asyncio.timeout(max(deadline - time.monotonic(), ANSWER_SECONDS)):
                        reason = await behind(database, scripts)
                    if not reason:
                        return Exit.DONE
                    if time.monotonic() >= deadline:
                        break
                    if not told:
                        log.info("waiting for the migration", reason=reason, limit_s=limit)
                        told = True
                    await pause(deadline)
        except NoDatabaseError as error:
            reason = str(error)
        except LOST:
            reason = "The session was lost."
        except TimeoutError:
            reason = "The server has stopped answering."
        if time.monotonic() >= deadline:
            log.error("the database is still behind", reason=reason, limit_s=limit)
            return Exit.BEHIND
        await pause(deadline)


async def pause(deadline: float) -> None:
    """Sleep a moment, not beyond ``deadline`` (monotonic seconds)."""
    await asyncio.sleep(min(random.uniform(0.3, 0.7), max(0.0, deadline - time.monotonic())))  # noqa: S311 - jitter


async def behind(database: Database, scripts: Scripts) -> str:
    """Return why the database is not current; empty when it is."""
    try:
        plan = scripts.plan(await read_at_once(database))
    except RefusedError as error:
        return str(error)
    return "" if plan.current else f"{len(plan.names)} migrations are pending, from {plan.names[0]!r} on."


async def status(database: Database, scripts: Scripts, *, as_json: bool) -> Exit:
    """Print whether the database is current; ``BEHIND`` when it is not."""
    state = await read_at_once(database)
    blocked = ""
    plan = Plan()
    try:
        plan = scripts.plan(state)
    except RefusedError as error:
        blocked = str(error)
    current = plan.current and not blocked
    applied = sum(1 for row in state.ledgers.rows or () if row.finished and not row.rolled_back)
    if as_json:
        document = {
            "current": current,
            "applied": applied + len(state.ledgers.own or ()),
            "pending": list(plan.names),
            "ahead": list(plan.ahead),
            "edited": list(plan.edited),
            "blocked": blocked or None,
        }
        print(json.dumps(document, indent=2))  # noqa: T201 - the answer
        return Exit.DONE if current else Exit.BEHIND
    if blocked:
        print(f"blocked: {blocked}")  # noqa: T201 - the answer
    elif current:
        print(f"current: {applied} migrations of LiteLLM and {len(state.ledgers.own or ())} of RouteIQ applied")  # noqa: T201 - the answer
    else:
        print(f"behind: {len(plan.names)} pending")  # noqa: T201 - the answer
        print("\n".join(f"  {name}" for name in plan.names))  # noqa: T201 - the answer
    for word, names in (("ahead", plan.ahead), ("edited", plan.edited)):
        if names:
            print(f"{word}: {', '.join(names)}")  # noqa: T201 - the answer
    return Exit.DONE if current else Exit.BEHIND


async def show_plan(database: Database, scripts: Scripts) -> Exit:
    """Print what ``up`` would run, with the statements that could lose data."""
    plan = scripts.plan(await read_at_once(database))
    if plan.current:
        print("nothing to do")  # noqa: T201 - the answer
        return Exit.DONE
    pending = [step.migration for step in plan.steps if isinstance(step, Apply)]
    flagged = await find_verdicts(database, [*pending, *plan.own])
    for name in plan.names:
        print(name)  # noqa: T201 - the answer
        for verdict in flagged:
            if verdict.migration == name:
                consequence = f"allowed: {verdict.excuse}" if verdict.excuse else "needs --allow-destructive"
                print(f"  destructive, {verdict.danger}: {consequence}")  # noqa: T201 - the answer
    return Exit.DONE


async def resolve(job: Job, name: str, *, applied: bool) -> None:
    """Correct the ledger by hand, as ``prisma migrate resolve`` does.

    Raises:
        SettingsError: no such migration (Prisma's P3017), or none that was tried (P3011).
        RefusedError: it is applied already (P3008), or it has not failed (P3012).
    """
    known = {migration.name: migration for migration in job.shipped}
    connection = job.database.connection
    async with holding(job.database, lock_keys(prisma=job.prisma_lock), job.patience):
        state = await read_state(job.database)
        rows = [row for row in state.ledgers.rows or () if row.name == name and not row.rolled_back]
        if applied and name not in known:
            raise SettingsError(f"No migration is named {name!r}. `routeiq-migrate plan` lists the names.")
        if any(row.finished for row in rows):
            raise RefusedError(f"Migration {name!r} is recorded as applied; there is nothing to resolve.")
        if not applied and not rows:
            raise SettingsError(
                f"The ledger holds no failed attempt at a migration {name!r}. `status` shows what failed."
            )
        await create_ledger(job.database, state)
        async with job.database.unit():
            for row in rows:
                await connection.execute(rolled_back(job.database, row.id))
            if applied:
                await connection.execute(resolved(job.database, known[name]))
