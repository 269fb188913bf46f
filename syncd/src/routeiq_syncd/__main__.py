"""The command ``routeiq-syncd``: from arguments to a command."""

import os
import sys
from collections.abc import Sequence
from functools import partial

from routeiq_syncd.assembly.once import check, once
from routeiq_syncd.assembly.pack import pack
from routeiq_syncd.assembly.run import run
from routeiq_syncd.control import arguments as cli
from routeiq_syncd.control import commands
from routeiq_syncd.control.tables import fleet_text, history_text
from routeiq_syncd.runtime.clocks import Now, utc_now
from routeiq_syncd.runtime.known_secrets import redact, secrets_of_environment
from routeiq_syncd.runtime.masked_output import mask_output
from routeiq_syncd.settings import BadSettingsError, read_settings
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
                return check(options.path)
            case "status":
                return commands.status(read_settings())
            case "explain":
                return commands.explained(options, read_settings())
            case "fleet":
                return commands.from_database(options, read_settings(), fleet_text)
            case "history":
                return commands.from_database(options, read_settings(), history_text)
            case "once":
                return once(options, read_settings(), checkpoint, now)
            case _:
                return run(read_settings(), checkpoint, now)
    except BadSettingsError as error:
        for sentence in error.sentences:
            cli.complain(sentence)
        return cli.BAD_SETTINGS
    except VolumeUnusableError as error:
        cli.complain(str(error))
        return cli.NO_VOLUME if options.command == "run" else cli.FAILED


if __name__ == "__main__":
    sys.exit(main())
