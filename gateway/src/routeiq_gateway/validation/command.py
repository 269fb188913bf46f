"""The command ``routeiq-gateway validate``."""

import argparse
import sys
import time
from collections.abc import MutableMapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from routeiq_gateway.configuration.overrides import Override
from routeiq_gateway.configuration.redact import scrub, secrets_of
from routeiq_gateway.litellm_edge.command_line.start_variables import why_fixed
from routeiq_gateway.litellm_edge.environment import keep_database_from
from routeiq_gateway.litellm_edge.warming import warm
from routeiq_gateway.runtime.logs import build_log
from routeiq_gateway.runtime.masked_output import mask_output
from routeiq_gateway.secret_files.reading import BadSecretsError
from routeiq_gateway.secret_files.watching import SecretFiles
from routeiq_gateway.settings import Settings, setting_names
from routeiq_gateway.validation.report import TOOL, Finding, as_json, as_sarif, as_text, refused
from routeiq_gateway.validation.trial import NothingFoundOutError, Trial, set_placeholders

ACCEPTED, REFUSED, SETTINGS, NOTHING_FOUND_OUT = 0, 1, 2, 3
PURPOSE = "start the real LiteLLM on a configuration, serve nothing, and print every problem with its line"
CODES = "exit codes: 0 accepted, 1 refused or unreadable, 2 settings, 3 nothing could be found out"


def arguments_of_validate(commands: Any) -> None:  # noqa: ANN401 - argparse has no public name for it
    """Add the command to ``commands``, the subparsers of the command line."""
    parser = commands.add_parser(
        "validate", help=PURPOSE, description=f"{PURPOSE[0].upper()}{PURPOSE[1:]}.", epilog=CODES
    )
    of_path = "a configuration; its includes and modules are beside it"
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help=of_path)
    parser.add_argument(
        "--placeholders",
        action="store_true",
        help="give variables that the configuration names and that are not set a random value, where there are no keys",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code scanning")


def validate(
    options: argparse.Namespace,
    settings: Settings,
    overrides: tuple[Override, ...],
    environment: MutableMapping[str, str],
) -> int:
    """Try the configurations at ``options.paths`` and print what was found; return the exit code.

    LiteLLM's database is left alone: a validation must not write to it. ``environment`` is the process's own, and is
    changed accordingly.
    """
    for path in options.paths if options.placeholders else ():
        set_placeholders(path, environment)
    known = secrets_of({}, environment)
    mask_output(partial(scrub, secrets=known))
    log = build_log("validate", level="ERROR", form=settings.log_form)
    keep_database_from(environment)
    environment.setdefault("LITELLM_LOG", "ERROR")  # what it warns of at any start is no finding
    own = settings.model_copy(update={"litellm_database": False, "metrics_port": None, "workers": 1, "savings": False})
    found = dict[str, tuple[Finding, ...]]()
    path = options.paths[0]
    try:
        for path in options.paths:
            path.read_bytes()  # before LiteLLM's import, which takes seconds
        fixed = partial(why_fixed, settings=setting_names(), at_import=warm(own, log))
        secrets = SecretFiles(settings.secret_directories, fixed)
        if isinstance(problem := secrets.look(time.monotonic()), BadSecretsError):
            sys.stderr.write(f"{TOOL}: {problem}\n")
            return SETTINGS
        mask_output(partial(scrub, secrets=known | secrets.hidden))
        for path in options.paths:
            found[str(path)] = Trial(own, overrides, environment, log, secrets).findings(path)
    except OSError as error:
        sys.stderr.write(f"{TOOL}: {path} cannot be read or tried: {error.strerror or error}\n")
        return REFUSED
    except NothingFoundOutError as error:
        sys.stderr.write(f"{TOOL}: {path}: {error}\n")
        return NOTHING_FOUND_OUT
    if options.sarif:
        sys.stdout.write(as_sarif(found, version(TOOL)) + "\n")
    else:
        sys.stdout.write((as_json if options.json else as_text)(found) + "\n")
    return REFUSED if refused(found) else ACCEPTED
