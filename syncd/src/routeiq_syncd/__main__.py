"""The command ``routeiq-syncd``: from arguments to a command."""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial

from routeiq_syncd.assembly.once import check, once
from routeiq_syncd.assembly.pack import pack
from routeiq_syncd.assembly.run import run
from routeiq_syncd.control import arguments as cli
from routeiq_syncd.control import commands
from routeiq_syncd.control.tables import fleet_text
from routeiq_syncd.runtime.clocks import Now, utc_now
from routeiq_syncd.runtime.known_secrets import redact, secrets_of_environment
from routeiq_syncd.runtime.masked_output import mask_output
from routeiq_syncd.settings import BadSettingsError, Settings, read_settings
from routeiq_syncd.volume.volume import Checkpoint, VolumeUnusableError, no_checkpoint


def main(arguments: Sequence[str] | None = None, *, checkpoint: Checkpoint = no_checkpoint, now: Now = utc_now) -> int:
    """Run the command, by default of this process's arguments, and return its exit code (`control.arguments`).

    The commands that write call ``checkpoint`` between the steps of a write, and take the instant from ``now``. Known
    secrets are taken out of whatever this process prints.
    """
    mask_output(partial(redact, secrets=secrets_of_environment(os.environ)))
    options = cli.parser().parse_args(arguments)
    try:
        match options.command:
            case "pack":
                return pack(options.path)
            case "validate":
                return check(options)
            case "once":
                return once(options, read_settings(), checkpoint, now)
            case "run":
                return run(read_settings(), checkpoint, now)
            case _:
                return _ask(options, read_settings())
    except BadSettingsError as error:
        for sentence in error.sentences:
            cli.complain(sentence)
        return cli.BAD_SETTINGS
    except VolumeUnusableError as error:
        cli.complain(str(error))
        return cli.NO_VOLUME if options.command == "run" else cli.FAILED


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    """Run a command that asks the running syncd; return its exit code."""
    match options.command:
        case "status":
            return commands.status(settings)
        case "explain":
            return commands.explained(options, settings)
        case "fleet":
            return commands.from_database(options, settings, fleet_text)
        case "history":
            return commands.listed(options, settings)
        case "show" | "diff":
            return commands.recalled(options, settings)
        case _:
            return commands.going_back(options, settings)


if __name__ == "__main__":
    sys.exit(main())
