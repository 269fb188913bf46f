"""The variables that LiteLLM reads: set before its import in the parent, and before its start in a worker."""

import importlib
import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from routeiq_gateway.litellm_edge.command_line.database_urls import PARTS, URLS
from routeiq_gateway.litellm_edge.command_line.defaults import start_arguments
from routeiq_gateway.litellm_edge.command_line.options import OPTIONS

LITELLMS = "LITELLM_"
DATABASES = (*URLS, *PARTS)


def keep_database_from(environment: MutableMapping[str, str]) -> bool:
    """Remove the variables that name a database from ``environment``; return whether there were any.

    One environment serves all programs of a container. syncd and migrate use the database; LiteLLM would end where it
    finds a URL and no Prisma client, and runs without a database where it finds no URL.
    """
    removed = {environment.pop(name, "") for name in DATABASES}
    return removed != {""}


def names_database(environment: Mapping[str, str]) -> bool:
    """Whether ``environment`` names a database for LiteLLM."""
    return any(environment.get(name) for name in DATABASES)


class BadVariablesError(Exception):
    """Variables of LiteLLM that cannot work; the message names the variable and quotes no value."""


def drop_empty(environment: MutableMapping[str, str]) -> None:
    """Remove the variables of LiteLLM that are set to nothing: LiteLLM takes many of them for a value."""
    known = {option.variable for option in OPTIONS}
    for name in [name for name, value in environment.items() if not value]:
        if name in known or name.startswith(LITELLMS):
            del environment[name]


def decrypt_variables(environment: MutableMapping[str, str]) -> None:
    """Have LiteLLM decrypt the variables that AWS KMS encrypted, where ``USE_AWS_KMS`` asks for it.

    Raises:
        BadVariablesError: AWS refuses or cannot be reached, or something that LiteLLM needs for this is not set.
    """
    if environment.get("USE_AWS_KMS") != "True":  # LiteLLM's own spelling
        return
    manager = importlib.import_module("litellm.secret_managers.aws_secret_manager")
    try:
        decrypted = manager.decrypt_env_var()
    except Exception as error:
        raise BadVariablesError(
            f"USE_AWS_KMS: the variables cannot be decrypted: {error}; mend it or unset it"
        ) from error
    environment.update({name: str(value) for name, value in decrypted.items()})  # LiteLLM makes bools of some


def prepare_environment(
    environment: MutableMapping[str, str], *, workers: int, json_logs: bool, sample_rate: float | None
) -> None:
    """Set in ``environment`` what LiteLLM reads at its import, where the operator has not set it.

    ``sample_rate`` is the share of traces that OpenTelemetry keeps, 0 to 1; None leaves that to OpenTelemetry.
    """
    defaults = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import tries a download
        "LITELLM_TELEMETRY": "False",
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
        "OPENBLAS_NUM_THREADS": "1",  # OpenBLAS's pool of threads would not survive the fork
    }
    if json_logs:
        defaults["JSON_LOGS"] = "true"
    if sample_rate is not None:
        defaults["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
        defaults["OTEL_TRACES_SAMPLER_ARG"] = str(sample_rate)
    for name, value in defaults.items():
        environment.setdefault(name, value)
    environment["NUM_WORKERS"] = str(workers)  # as LiteLLM's command line does, whatever it was taken from


def take_secrets(environment: Mapping[str, str], secrets: Mapping[str, str], *, database: bool) -> dict[str, str]:
    """Put ``secrets`` into the process's environment; return ``environment`` with them, as LiteLLM will see it.

    ``database`` is whether LiteLLM may have one: otherwise no secret brings back the variables that name one.
    """
    wanted = dict(secrets)
    if not database:
        keep_database_from(wanted)
    os.environ.update(wanted)
    return {**environment, **wanted}


def use_config(path: Path, *, debug: bool, detailed_debug: bool) -> None:
    """Tell LiteLLM to start on the configuration at ``path``, exactly as LiteLLM's own command line does.

    ``debug`` and ``detailed_debug`` are the options of that command: LiteLLM logs what it does, or all that it does.
    """
    os.environ.pop("CONFIG_FILE_PATH", None)  # would win over WORKER_CONFIG and skip the command line's defaults
    own = {"config": str(path), "debug": debug, "detailed_debug": detailed_debug}
    os.environ["WORKER_CONFIG"] = json.dumps({**start_arguments(), **own})
    _find_modules_beside(path.parent)


def _find_modules_beside(directory: Path) -> None:
    """Have a configuration's own modules find those beside them, after what is installed.

    LiteLLM's command line puts its working directory last on the path, where operators keep such modules. Modules of
    the revision go before those.
    """
    here = str(Path.cwd())
    last = len(sys.path) - sys.path[::-1].index(here) - 1 if here in sys.path else len(sys.path)
    sys.path.insert(last, str(directory))
