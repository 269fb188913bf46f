"""The variables that LiteLLM reads: set before its import in the parent, and before its start in a worker."""

import json
import os
from collections.abc import MutableMapping
from pathlib import Path

DATABASES = ("DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA")


def keep_database_from(environment: MutableMapping[str, str]) -> bool:
    """Remove the variables that name a database from ``environment``; return whether there were any.

    One environment serves all programs of a container. syncd and migrate use the database; LiteLLM would end where it
    finds a URL and no Prisma client, and runs without a database where it finds no URL.
    """
    removed = {environment.pop(name, "") for name in DATABASES}
    return removed != {""}


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
        "NUM_WORKERS": str(workers),
        "OPENBLAS_NUM_THREADS": "1",  # OpenBLAS's pool of threads would not survive the fork
    }
    if json_logs:
        defaults["JSON_LOGS"] = "true"
    if sample_rate is not None:
        defaults["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
        defaults["OTEL_TRACES_SAMPLER_ARG"] = str(sample_rate)
    for name, value in defaults.items():
        environment.setdefault(name, value)


def use_config(path: Path) -> None:
    """Tell LiteLLM to start on the configuration at ``path``, exactly as LiteLLM's own command line does."""
    os.environ.pop("CONFIG_FILE_PATH", None)  # would win over WORKER_CONFIG and skip the command line's defaults
    os.environ["WORKER_CONFIG"] = json.dumps({"config": str(path)})
