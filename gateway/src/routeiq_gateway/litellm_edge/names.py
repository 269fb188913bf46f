"""The one module that rests on LiteLLM's inside.

Everything here rests on LiteLLM as pinned in ``pyproject.toml``; ``tests/integration/gateway/test_litellm_edge.py``
fails when an upgrade moves one of these names. What LiteLLM does is left as it is; :mod:`.savings` does
parts of it for less.
"""

import importlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from routeiq_gateway.litellm_edge.checks import Model

DATABASES = ("DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA")
PROXY = "litellm.proxy.proxy_server"
GIVEN = """
    acompletion allow_client_keepalive_override api_base api_key base_url caching _context_compaction_state
    custom_llm_provider drop_params extra_body extra_headers frequency_penalty input_cost_per_token litellm_call_id
    litellm_logging_obj litellm_metadata litellm_session_id _litellm_strip_stream_usage litellm_trace_id logit_bias
    logprobs max_completion_tokens max_retries max_tokens merge_reasoning_content_in_choices messages metadata model
    model_info n order organization output_cost_per_token parallel_tool_calls presence_penalty prompt_cache_key
    proxy_server_request reasoning_effort request_timeout response_format rpm safety_identifier secret_fields seed
    service_tier shared_session stop store stream stream_options temperature timeout tool_choice tools top_logprobs
    top_p tpm use_in_pass_through user verbosity weight"""
COMPUTED_WITH = frozenset(GIVEN.split())
"""What a chat completion for OpenAI can be given, and LiteLLM, to prepare it, asks neither network nor disk."""


OWN_LINE = re.compile(
    r"\x1b\[32m(LiteLLM: |    )|\x1b\[94m($| Initialized [\w ]+ Callbacks - )|Setting Cache on Proxy$|\x1b\[0m$"
)
"""A line of which LiteLLM prints one for each part of a configuration that it takes up."""


@dataclass(frozen=True)
class Loaded:
    """What LiteLLM holds once it has taken a configuration."""

    models: list[Model]
    guardrails: list[str]


def keep_database_from(environment: MutableMapping[str, str]) -> bool:
    """Let LiteLLM know of no database; whether it would have known of one.

    One environment serves all programs of a container: syncd and migrate use the database, and LiteLLM, which ends
    where it finds the URL and no Prisma client, then does without.
    """
    known = {environment.pop(name, "") for name in DATABASES}
    return known != {""}


def prepare_environment(
    environment: MutableMapping[str, str], *, workers: int, json_logs: bool, sample_rate: float | None
) -> None:
    """Set what LiteLLM reads at import, where the operator has not set it."""
    defaults = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import tries a download
        "LITELLM_TELEMETRY": "False",
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
        "NUM_WORKERS": str(workers),
        "OPENBLAS_NUM_THREADS": "1",  # its pool of threads would not survive the fork
    }
    if json_logs:
        defaults["JSON_LOGS"] = "true"
    if sample_rate is not None:
        defaults["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
        defaults["OTEL_TRACES_SAMPLER_ARG"] = str(sample_rate)
    for name, value in defaults.items():
        environment.setdefault(name, value)


def share_metrics(environment: MutableMapping[str, str], directory: Path) -> None:
    """Have LiteLLM's Prometheus metrics summed over workers, where the operator has not set that up.

    The directory outlives a generation, so counters do not fall back to zero at a reload.
    """
    if not environment.get("PROMETHEUS_MULTIPROC_DIR"):
        directory.mkdir(mode=0o700)
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(directory)


def import_proxy(also: Iterable[str]) -> None:
    """Import LiteLLM's proxy, and the modules of ``also`` that exist, and reserve this process for forking.

    Raises:
        ImportError: LiteLLM is not installed whole.
        litellm.rust_bridge.fork_guard.NativeStateStartedBeforeFork: its native runtime already started here.
    """
    importlib.import_module(PROXY)
    importlib.import_module("litellm.rust_bridge.fork_guard").reserve_process_for_forking("the gateway's parent")
    for name in also:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # an optional part that this installation lacks; a worker would not import it either


def application() -> Any:  # noqa: ANN401 - LiteLLM ships no types
    """Return LiteLLM's ASGI application."""
    return _proxy().app


def use_config(path: str) -> None:
    """Tell LiteLLM to start on the configuration at ``path``, exactly as its own command line does."""
    os.environ.pop("CONFIG_FILE_PATH", None)  # would win over WORKER_CONFIG and skip the command line's defaults
    os.environ["WORKER_CONFIG"] = json.dumps({"config": path})


async def read_config(path: str) -> Mapping[str, Any]:
    """Return the configuration at ``path`` as LiteLLM merges it with its includes, references unresolved.

    Raises:
        Exception: whatever LiteLLM raises for a file it cannot read.
    """
    config: Mapping[str, Any] = await _proxy().ProxyConfig()._get_config_from_file(path)  # noqa: SLF001 - no public way gives references unresolved
    return config


def loaded() -> Loaded:
    """Return what LiteLLM holds after its start."""
    router = _proxy().llm_router
    # LiteLLM imports its registry, and much with it, only for a configuration that has guardrails.
    registry = sys.modules.get("litellm.proxy.guardrails.guardrail_registry")
    guardrails = registry.IN_MEMORY_GUARDRAIL_HANDLER.list_in_memory_guardrails() if registry else []
    return Loaded(
        [
            Model(entry["model_name"], entry["litellm_params"]["model"])
            for entry in (router.model_list if router else [])
        ],
        [entry["guardrail_name"] for entry in guardrails],
    )


def master_key() -> str | None:
    """Return the master key in force, or None where LiteLLM serves without one."""
    key: str | None = _proxy().master_key
    return key


def has_database() -> bool:
    """Whether LiteLLM keeps keys in a database."""
    return _proxy().prisma_client is not None


def provider_known(model: str) -> bool:
    """Whether LiteLLM finds a provider for ``model``."""
    litellm = importlib.import_module("litellm")
    try:
        litellm.get_llm_provider(model)
    except litellm.exceptions.BadRequestError:
        return False
    return True


def sort_printed(text: str) -> tuple[str, str]:
    """Return the lines of ``text`` that LiteLLM's start does not print, and the lines that it prints at each start."""
    banner = set(importlib.import_module("litellm.proxy.common_utils.banner").LITELLM_BANNER.splitlines()) | {""}
    others: list[str] = []
    of_litellm: list[str] = []
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        (of_litellm if bare in banner or OWN_LINE.match(bare) else others).append(line)
    return "".join(others), "".join(of_litellm)


def only_prepares(call: object) -> bool:
    """Whether ``call``, which is to run in a thread, prepares a chat completion for OpenAI and does nothing else.

    ``litellm.acompletion`` submits it as ``partial(context.run, partial(litellm.main.completion, **given))``; its
    result is a coroutine. A prompt that is managed elsewhere, a vector store, a secret manager, a proxy that wants a
    token, or a model that answers by mock would have it wait or count: a name that is not known makes it a thread's.
    """
    if type(call) is not partial or len(call.args) != 1 or type(call.args[0]) is not partial:
        return False
    prepare = call.args[0]
    given = prepare.keywords
    litellm = sys.modules["litellm"]
    return (
        prepare.func is sys.modules["litellm.main"].completion
        and given.get("acompletion") is True
        and given.get("custom_llm_provider") in {None, "openai"}
        and str(given.get("model")).startswith("openai/")
        and COMPUTED_WITH.issuperset(name for name, value in given.items() if value is not None and value is not False)
        and litellm.secret_manager_client is None
        and litellm.proxy_auth is None
        and litellm.vector_store_registry is None
    )


def _proxy() -> ModuleType:
    return importlib.import_module(PROXY)
