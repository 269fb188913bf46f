"""One run: what a command needs is built, the command is run, and an error becomes an exit code.

``__main__`` imports this module last: a run without a database needs nothing of it.
"""

import argparse
import asyncio
import contextlib
import sys
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

from asyncpg import PostgresError

from routeiq_migrate.commands.baseline import baseline
from routeiq_migrate.commands.resolve import resolve
from routeiq_migrate.commands.show import show_plan, status
from routeiq_migrate.commands.up import Options, up
from routeiq_migrate.commands.wait import wait
from routeiq_migrate.database.locks import Locks
from routeiq_migrate.database.session import LOST, primary, session
from routeiq_migrate.database.url import Target
from routeiq_migrate.errors import Exit, MigrateError
from routeiq_migrate.runtime.known_secrets import redact
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.notify import EVERY_SECONDS, Notifier
from routeiq_migrate.runtime.progress import Progress
from routeiq_migrate.runtime.report import Report
from routeiq_migrate.runtime.telemetry import Telemetry, build_telemetry
from routeiq_migrate.scripts import Scripts, extras_folder, own_migrations, shipped_migrations
from routeiq_migrate.settings import Settings

HAND_WAIT = 30.0
"""How long the commands that are run by hand wait for the database, in seconds."""
HANG_SECONDS = 45.0
"""Seconds without a sign of life after which a supervisor takes this process for hung: its loop hardly computes."""


async def run(arguments: argparse.Namespace, settings: Settings, target: Target) -> Exit:
    """Build what the command needs, run it, and say how it ended."""
    log = LazyLog(level=settings.log_level, form=settings.log_format)
    telemetry = Telemetry()
    if settings.traces:
        telemetry = build_telemetry(
            service=settings.service_name, protocol=settings.protocol, sample_rate=settings.sample_rate
        )
    if target.unknown:
        log.warning("the database URL has parameters that nobody reads", parameters=target.unknown)
    try:
        scripts = Scripts(shipped_migrations(extras_folder(), settings.extra_migrations), own_migrations())
        report = Report(log, Progress(log, terminal=sys.stderr.isatty()), telemetry)
        async with telling(Notifier(settings.notify_socket)):
            with telemetry.span(arguments.command):
                return await dispatch(arguments, settings, target, scripts, report)
    except MigrateError as error:
        log.error(str(error), exit=int(error.exit))
        return error.exit
    except LOST as error:  # the message of the one that is a MigrateError is told above
        log.error("The session was lost. Run again.", reason=type(error).__name__, exit=int(Exit.UNREACHABLE))
        return Exit.UNREACHABLE
    except PostgresError as error:
        reason = redact(primary(error), target.secrets)
        log.error("The server refused.", reason=reason, sqlstate=error.sqlstate, exit=int(Exit.FAILED))
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001 - its text may quote rows, as a traceback's last line would
        frame = traceback.extract_tb(error.__traceback__)[-1]
        log.error(
            "What answers does not answer as PostgreSQL does. Check host and port in the database URL; where that is a "
            "PostgreSQL, report this as a fault of routeiq-migrate.",
            reason=type(error).__name__,
            where=f"{Path(frame.filename).name}:{frame.lineno}",
            exit=int(Exit.UNREACHABLE),
        )
        return Exit.UNREACHABLE
    finally:
        telemetry.close()


@contextlib.asynccontextmanager
async def telling(notifier: Notifier) -> AsyncIterator[None]:
    """Say to the supervisor meanwhile that the loop turns."""

    async def tell() -> None:
        while True:
            notifier.works(within=HANG_SECONDS)
            await asyncio.sleep(EVERY_SECONDS)

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()


async def dispatch(
    arguments: argparse.Namespace, settings: Settings, target: Target, scripts: Scripts, report: Report
) -> Exit:
    """Run the command that was asked for."""
    log = report.log
    locks = Locks(settings.lock_seconds, log, prisma=settings.prisma_lock)
    match arguments.command:
        case "wait":
            return await wait(target, scripts, arguments.limit, log)
        case "up":
            allowed = frozenset(arguments.allow_destructive)
            options = Options(allowed, settings.large_bytes, settings.replica_identity_full)
            await up(target, scripts, locks, options, report, wait_seconds=arguments.wait)
            return Exit.DONE
    async with session(target, HAND_WAIT, log, create=False) as database:
        match arguments.command:
            case "status":
                return await status(database, scripts, as_json=arguments.json)
            case "plan":
                return await show_plan(database, scripts)
            case "baseline":
                count = await baseline(database, scripts, locks, arguments.through)
                log.info("the schema holds what they make; recorded as applied", migrations=count)
            case "resolve":
                name = arguments.applied or arguments.rolled_back
                await resolve(database, scripts, locks, name, applied=arguments.applied is not None)
                log.info("resolved", migration=name)
    return Exit.DONE
