"""The command ``routeiq-migrate``: the composition root, and the only place that builds things."""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from routeiq_migrate import settings as environment
from routeiq_migrate.errors import Exit, MigrateError, SettingsError, UnreachableError

if TYPE_CHECKING:  # imported where they are used: a run without a database needs none of them
    from types import ModuleType

    from routeiq_migrate.commands.up import Scripts
    from routeiq_migrate.database.locks import Patience
    from routeiq_migrate.database.session import Database
    from routeiq_migrate.database.url import Target
    from routeiq_migrate.job import Job
    from routeiq_migrate.runtime.logs import Log
    from routeiq_migrate.runtime.progress import Progress
    from routeiq_migrate.runtime.telemetry import Telemetry

SESSIONS = 5
"""How often one run connects anew when its server goes away in the middle."""

HAND_WAIT = 30.0
"""How long the commands that are run by hand wait for the database, in seconds."""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="routeiq-migrate", description="Brings a LiteLLM database to the schema that this image needs."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="apply what is pending")
    up.add_argument("--wait", type=seconds, default=120.0, metavar="SECONDS", help="for the database (120)")
    up.add_argument("--allow-destructive", action="append", default=[], metavar="NAME", help="a migration")
    wait = commands.add_parser("wait", help="block until the database is current; changes nothing")
    wait.add_argument("--limit", type=seconds, default=600.0, metavar="SECONDS", help="give up after (600)")
    status = commands.add_parser("status", help="say whether the database is current; exit 1 when behind")
    status.add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("plan", help="print what up would run, and what of it could lose data")
    baseline = commands.add_parser("baseline", help="give a complete schema without a ledger its ledger")
    baseline.add_argument("--through", metavar="NAME", help="the last migration the schema holds (all)")
    resolve = commands.add_parser("resolve", help="correct the ledger after a failed migration")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--applied", metavar="NAME", help="its changes are all there")
    outcome.add_argument("--rolled-back", metavar="NAME", help="none of its changes is there")
    return parser


def seconds(text: str) -> float:
    """Read a limit from the command line.

    Raises:
        ValueError: the text is no such number.
    """
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError
    return value


def main() -> None:
    """Run the command and exit with its code."""
    arguments = build_parser().parse_args()
    try:
        settings = environment.read()
    except SettingsError as error:
        print(f"routeiq-migrate: {error}", file=sys.stderr)  # noqa: T201 - there is no log yet
        sys.exit(error.exit)
    if settings.target is None:
        print("DATABASE_URL is not set: there is no database, so there is nothing to do.")  # noqa: T201 - the answer
        sys.exit(Exit.DONE)
    if arguments.command == "up" and not settings.schema_updates:
        print("DISABLE_SCHEMA_UPDATE is set: somebody else migrates this database.")  # noqa: T201 - the answer
        sys.exit(Exit.DONE)
    sys.exit(asyncio.run(run(arguments, settings, settings.target)))


async def run(arguments: argparse.Namespace, settings: environment.Settings, target: "Target") -> Exit:
    """Build what the command needs, run it, and say how it ended."""
    from asyncpg import PostgresError  # noqa: PLC0415 - see above

    from routeiq_migrate.commands.up import Scripts  # noqa: PLC0415 - see above
    from routeiq_migrate.database.redact import redact  # noqa: PLC0415 - see above
    from routeiq_migrate.database.session import LOST, primary  # noqa: PLC0415 - see above
    from routeiq_migrate.runtime.telemetry import Telemetry, build_telemetry  # noqa: PLC0415 - see above
    from routeiq_migrate.scripts import extras_folder, own_migrations, shipped_migrations  # noqa: PLC0415 - see above

    log = cast("Log", LazyLog(settings))
    telemetry = Telemetry()
    if settings.traces:
        telemetry = build_telemetry(
            service=settings.service_name, protocol=settings.protocol, sample_rate=settings.sample_rate
        )
    if target.unknown:
        log.warning("the database URL has parameters that nobody reads", parameters=target.unknown)
    try:
        scripts = Scripts(shipped_migrations(extras_folder(), settings.extra_migrations), own_migrations())
        with telemetry.span(arguments.command):
            return await dispatch(arguments, Context(settings, target, scripts, log, telemetry))
    except MigrateError as error:
        log.error(str(error), exit=int(error.exit))
        return error.exit
    except LOST as error:
        log.error("The server went away. Run again.", reason=type(error).__name__, exit=int(Exit.UNREACHABLE))
        return Exit.UNREACHABLE
    except PostgresError as error:
        reason = redact(primary(error), target.secrets)
        log.error("The server refused.", reason=reason, sqlstate=error.sqlstate, exit=int(Exit.FAILED))
        return Exit.FAILED
    finally:
        telemetry.close()


class LazyLog:
    """The log, built at its first event: structlog takes as long to import as a run that finds nothing to do."""

    def __init__(self, settings: environment.Settings) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> object:
        # structlog imports rich wherever that is installed, 5 MB for tracebacks that are not printed here.
        sys.modules.setdefault("rich", cast("ModuleType", None))
        from routeiq_migrate.runtime.logs import build_log  # noqa: PLC0415 - see above

        log = build_log("migrate", level=self._settings.log_level, form=self._settings.log_format)
        for method in ("debug", "info", "warning", "error"):
            setattr(self, method, getattr(log, method))
        return getattr(log, name)


@dataclass(frozen=True)
class Context:
    """What every command needs."""

    settings: environment.Settings
    target: "Target"
    scripts: "Scripts"
    log: "Log"
    telemetry: "Telemetry"

    def job(
        self, database: "Database", progress: "Progress", patience: "Patience", allowed: frozenset[str] = frozenset()
    ) -> "Job":
        """Build what a command that changes something works with."""
        from routeiq_migrate.job import Job  # noqa: PLC0415 - see above

        return Job(
            database=database,
            shipped=self.scripts.shipped,
            own=self.scripts.own,
            allowed=allowed,
            large_bytes=self.settings.large_bytes,
            prisma_lock=self.settings.prisma_lock,
            replica_identity_full=self.settings.replica_identity_full,
            log=self.log,
            progress=progress,
            telemetry=self.telemetry,
            patience=patience,
        )


async def dispatch(arguments: argparse.Namespace, context: Context) -> Exit:
    """Run the command that was asked for."""
    from routeiq_migrate.commands import up as commands  # noqa: PLC0415 - see above
    from routeiq_migrate.commands.baseline import baseline  # noqa: PLC0415 - see above
    from routeiq_migrate.database.locks import Patience  # noqa: PLC0415 - see above
    from routeiq_migrate.database.session import session  # noqa: PLC0415 - see above
    from routeiq_migrate.runtime.progress import Progress  # noqa: PLC0415 - see above

    log, target, scripts = context.log, context.target, context.scripts
    progress = Progress(log, terminal=sys.stderr.isatty())
    patience = Patience(context.settings.lock_seconds, log)
    match arguments.command:
        case "wait":
            return await commands.wait(target, scripts, arguments.limit, log)
        case "up":
            allowed = frozenset(arguments.allow_destructive)
            return await bring_up(context, progress, patience, allowed, arguments.wait)
    async with session(target, HAND_WAIT, log, create=False) as database:
        match arguments.command:
            case "status":
                return await commands.status(database, scripts, as_json=arguments.json)
            case "plan":
                return await commands.show_plan(database, scripts)
            case "baseline":
                count = await baseline(context.job(database, progress, patience), arguments.through)
                log.info("the schema holds what they make; recorded as applied", migrations=count)
            case "resolve":
                name = arguments.applied or arguments.rolled_back
                job = context.job(database, progress, patience)
                await commands.resolve(job, name, applied=arguments.applied is not None)
                log.info("resolved", migration=name)
    return Exit.DONE


async def bring_up(
    context: Context, progress: "Progress", patience: "Patience", allowed: frozenset[str], wait_seconds: float
) -> Exit:
    """Run ``up``, in a new session whenever the server went away: the ledger says where to go on.

    Raises:
        UnreachableError: the server does not answer within the limit.
    """
    from routeiq_migrate.commands import up as commands  # noqa: PLC0415 - see above
    from routeiq_migrate.database.session import LOST, session  # noqa: PLC0415 - see above

    for _ in range(SESSIONS):
        try:
            async with session(context.target, wait_seconds, context.log, create=True) as database:
                await commands.up(context.job(database, progress, patience, allowed))
                return Exit.DONE
        except LOST as error:
            progress.close()
            context.log.warning("the session was lost; connecting anew", reason=type(error).__name__)
        finally:
            progress.close()
    raise UnreachableError(f"The session was lost {SESSIONS} times in a row. See the server's log; then run again.")


if __name__ == "__main__":
    main()
