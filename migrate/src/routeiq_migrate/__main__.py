"""The command ``routeiq-migrate``: arguments and settings become a run."""

import argparse
import asyncio
import os
import sys
from functools import partial

from routeiq_migrate import settings as environment
from routeiq_migrate.errors import Exit, SettingsError
from routeiq_migrate.runtime.known_secrets import redact, secrets_of_environment
from routeiq_migrate.runtime.masked_output import mask_output
from routeiq_migrate.runtime.parser import Parser


def build_parser() -> argparse.ArgumentParser:
    """Build the command line's grammar."""
    parser = Parser(
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
    """Run the command and exit with its code; known secrets are taken out of whatever it prints."""
    mask_output(partial(redact, secrets=secrets_of_environment(os.environ)))
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
    from routeiq_migrate.run import run  # noqa: PLC0415 - a run without a database needs none of it

    sys.exit(asyncio.run(run(arguments, settings, settings.target)))


if __name__ == "__main__":
    main()
