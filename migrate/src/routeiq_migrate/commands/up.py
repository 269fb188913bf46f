"""``up``: bring the database to where this image needs it."""

from dataclasses import dataclass

from routeiq_migrate.apply.apply import Applier
from routeiq_migrate.database.locks import Locks
from routeiq_migrate.database.session import LOST, Database, session
from routeiq_migrate.database.url import Target
from routeiq_migrate.errors import MigrationFailedError, UnreachableError
from routeiq_migrate.indexes.concurrent import build_index, full_identity, repair_indexes
from routeiq_migrate.indexes.request_logs import RequestLogs
from routeiq_migrate.ledger import read_ledgers
from routeiq_migrate.plan.plan import Plan
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.report import Report
from routeiq_migrate.scripts import Scripts

SESSIONS = 5
"""How often one run connects anew when its server goes away in the middle."""


@dataclass(frozen=True)
class Options:
    """What the operator asks of an ``up``.

    Attributes:
        allowed: names of migrations that may destroy data.
        large_bytes: the table size from which an index is built concurrently.
        replica_identity_full: whether LiteLLM's tables get REPLICA IDENTITY FULL.
    """

    allowed: frozenset[str]
    large_bytes: int
    replica_identity_full: bool


async def up(
    target: Target, scripts: Scripts, locks: Locks, options: Options, report: Report, *, wait_seconds: float
) -> None:
    """Bring the database up, in a new session whenever the server went away: the ledger says where to go on.

    Args:
        target: the database, which is created where it is missing.
        scripts: the migrations on disk.
        locks: the locks of this run.
        options: what the operator asks for.
        report: where the run is reported.
        wait_seconds: how long the server may be away before each session.

    Raises:
        UnreachableError: the server does not answer within the limit, or goes away again and again.
    """
    for _ in range(SESSIONS):
        try:
            async with session(target, wait_seconds, report.log, create=True) as database:
                await bring_up(database, scripts, locks, options, report)
                return
        except LOST as error:
            report.progress.close()
            report.log.warning("the session was lost; connecting anew", reason=str(error))
        finally:
            report.progress.close()
    raise UnreachableError(f"The session was lost {SESSIONS} times in a row. See the server's log; then run again.")


async def bring_up(database: Database, scripts: Scripts, locks: Locks, options: Options, report: Report) -> None:
    """Bring the database up in one session; a database that is further than this image is left as it is.

    Raises:
        RefusedError, MigrationFailedError, LockTimeoutError: see ``errors``.
    """
    log, progress = report.log, report.progress
    ledgers = await read_ledgers(database, scripts.needs)
    plan = scripts.plan_or_refuse(ledgers)
    warn(plan, log)
    if not plan.current:
        applier = Applier(database, scripts, options.allowed, options.large_bytes, report)
        with report.telemetry.span("apply", pending=len(plan.names)):
            await apply_all(applier, locks)
    if not plan.ahead and not ledgers.read_only:
        with report.telemetry.span("indexes"):
            await tidy(database, locks, options, log)
    if progress.done:
        log.info("the database is current", applied=progress.done, ms=progress.milliseconds)
    else:
        print("The database is current: nothing to do.")  # noqa: T201 - the answer


async def apply_all(applier: Applier, locks: Locks) -> None:
    """Apply all that is pending, leaving the locks for each index that has to be built without them."""
    while True:
        async with locks.migrating(applier.database):
            build = await applier.apply_pending()
        if build is None:
            return
        await build_index(applier.database, build, locks, applier.report.log)


async def tidy(database: Database, locks: Locks, options: Options, log: LazyLog) -> None:
    """Do what LiteLLM does after migrating.

    Raises:
        MigrationFailedError: the schema is current, and something beside it could not be done.
    """
    problems = await repair_indexes(database, locks, log)
    if options.replica_identity_full:
        problems += await full_identity(database, log)
    problems += await RequestLogs(database, locks, options.large_bytes, log).ensure_all()
    if problems:
        raise MigrationFailedError(
            "The schema is current, so a gateway can serve, but this is left to do: " + "; ".join(problems)
        )


def warn(plan: Plan, log: LazyLog) -> None:
    """Say what is odd about the ledger and stops nothing."""
    if plan.ahead:
        log.warning(
            "another release has migrated this database further than this image knows; the database is left as it is",
            ahead=plan.ahead[:5],
            count=len(plan.ahead),
        )
    if plan.edited:
        log.warning(
            "applied migrations differ from the scripts of this image; Prisma ignores this, and routeiq-migrate too",
            migrations=plan.edited[:5],
            count=len(plan.edited),
        )
