"""The command ``routeiq-migrate``: the composition root, and the only place that builds things."""

import argparse
import sys

from routeiq_migrate import settings as settings_module
from routeiq_migrate.errors import Exit


def build_parser() -> argparse.ArgumentParser:
    """Build the command line's grammar."""
    parser = argparse.ArgumentParser(prog="routeiq-migrate", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="bring the database to the version this image needs")
    commands.add_parser("wait", help="block until the database is at the version this image needs")
    commands.add_parser("status", help="say whether the database is current; exit 1 when behind")
    return parser


def main() -> None:
    """Run the command and exit with its code."""
    build_parser().parse_args()
    settings = settings_module.read()
    if settings.database_url is None:
        print("DATABASE_URL is not set: there is no database, so there is nothing to do.")  # noqa: T201 - the answer
        sys.exit(Exit.DONE)


if __name__ == "__main__":
    main()
