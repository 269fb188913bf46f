"""LiteLLM's proxy: its import, its application, and what it holds once it has started on a configuration.

The names used here are those of the LiteLLM that ``gateway/pyproject.toml`` pins;
``tests/integration/gateway/litellm_edge/test_proxy.py`` fails when an upgrade moves one of them.
"""

import contextlib
import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from routeiq_gateway.configuration.harmless import shown_text
from routeiq_gateway.litellm_edge import checks
from routeiq_gateway.litellm_edge.checks import Model
from routeiq_gateway.litellm_edge.command_line.env_file import import_environment
from routeiq_gateway.litellm_edge.command_line.start_variables import noting_reads

PROXY = "litellm.proxy.proxy_server"
OWN_LINE = re.compile(
    r"\x1b\[32m(LiteLLM: |    )|\x1b\[94m($| Initialized [\w ]+ Callbacks - )|Setting Cache on Proxy$|\x1b\[0m$"
)
"""A line that LiteLLM prints for a part of a configuration that it takes up."""


def import_proxy(also: Iterable[str]) -> frozenset[str]:
    """Import LiteLLM's proxy, and the modules of ``also`` that exist, and reserve this process for forking.

    Return the names of the variables that they read meanwhile.

    Raises:
        ImportError: LiteLLM is not installed whole.
        litellm.rust_bridge.fork_guard.NativeStateStartedBeforeFork: LiteLLM's native runtime already started here.
    """
    with noting_reads() as read:
        with import_environment():
            importlib.import_module(PROXY)
            importlib.import_module("litellm.proxy.proxy_cli")  # reads a .env of its own when it is imported
        importlib.import_module("litellm.rust_bridge.fork_guard").reserve_process_for_forking("the gateway's parent")
        for name in also:
            with contextlib.suppress(ImportError):  # an optional part that this installation lacks
                importlib.import_module(name)
    return frozenset(read)


def application() -> Any:  # noqa: ANN401 - LiteLLM ships no types
    """Return LiteLLM's ASGI application."""
    return _proxy().app


def work_out_routes() -> None:
    """Have FastAPI work out now, in memory that workers share, what it would at the first request of each.

    It works the routes of an included router out when a request is first compared with them, which for LiteLLM's 550
    takes a second. No route matches the request here, so all are compared.
    """
    nowhere = {"type": "http", "method": "GET", "path": "/ ", "root_path": "", "query_string": b"", "headers": []}
    for route in application().routes:
        route.matches(dict(nowhere))


async def read_config(path: str) -> Mapping[str, Any]:
    """Return the configuration at ``path`` as LiteLLM merges it with its includes, references unresolved.

    Raises:
        Exception: LiteLLM cannot read a file; the type depends on what is wrong with the file.
    """
    config: Mapping[str, Any] = await _proxy().ProxyConfig()._get_config_from_file(path)  # noqa: SLF001 - no public way gives references unresolved
    return config


def loaded() -> tuple[list[Model], list[str]]:
    """Return the models, and the names of the guardrails, that LiteLLM holds after its start."""
    router = _proxy().llm_router
    models = router.model_list if router else []
    # LiteLLM imports its registry, and much with it, only for a configuration that has guardrails.
    registry = sys.modules.get("litellm.proxy.guardrails.guardrail_registry")
    guardrails = registry.IN_MEMORY_GUARDRAIL_HANDLER.list_in_memory_guardrails() if registry else []
    return (
        [Model(entry["model_name"], entry["litellm_params"]["model"]) for entry in models],
        [entry["guardrail_name"] for entry in guardrails],
    )


def active(entry: Mapping[str, Any]) -> bool:
    """Whether LiteLLM loads the entry ``entry`` of a model list in this environment (``LITELLM_ENVIRONMENT``).

    An entry that LiteLLM cannot judge counts as active, so that what is wrong with it is told.
    """
    info = entry.get("model_info")
    try:
        router = importlib.import_module("litellm.router")
        return not isinstance(info, Mapping) or bool(router.model_info_is_active_for_environment(info))
    except (TypeError, ValueError):
        return True


def resolved_config() -> Mapping[str, Any]:
    """Return the configuration that LiteLLM started on, with its references resolved as LiteLLM resolved them."""
    state: Mapping[str, Any] = _proxy().proxy_config.get_config_state()
    return state


def left_out() -> list[str]:
    """Return one sentence for each model and guardrail that LiteLLM's configuration declares and it did not load."""
    config = resolved_config()
    models, guardrails = loaded()
    declared = [entry for entry in config.get("model_list") or () if isinstance(entry, Mapping) and active(entry)]
    places, guards = checks.declared_models(config), checks.declared_guardrails(config)
    return [
        f"model_list[{places.index(model)}]: {shown_text(model.name)!r} ({shown_text(model.model)}) was not loaded:"
        f" {_why_not(model)}"
        for model in checks.not_loaded(checks.declared_models({"model_list": declared}), models)
    ] + [
        f"guardrails[{guards.index(name)}]: {shown_text(name)!r} was not loaded; check its litellm_params.guardrail"
        for name in checks.not_loaded(guards, guardrails)
    ]


async def complete(model: str) -> None:
    """Ask LiteLLM's router for one completion from ``model``, without a key, a guardrail or a client.

    Raises:
        Exception: the completion failed; the type depends on what is wrong.
    """
    await _proxy().llm_router.acompletion(model=model, messages=[{"role": "user", "content": "trial"}])


def master_key(*, started: bool) -> str | None:
    """Return the master key in force, or None where there is none.

    Before LiteLLM has ``started`` on a configuration, only the environment can name a key; it is read as LiteLLM does.
    """
    proxy = _proxy()
    key: str | None = proxy.master_key if started else proxy.get_secret("LITELLM_MASTER_KEY", None)
    return key


def key_headers() -> tuple[str, ...]:
    """Return the names of the headers that carry a key, in lower case; where several come, the first counts."""
    name: str = _proxy().general_settings.get("litellm_key_header_name") or "authorization"
    return tuple(dict.fromkeys((name.lower(), "authorization")))


def root_paths() -> tuple[str, ...]:
    """Return the paths below which LiteLLM answers too, longest first: SERVER_ROOT_PATH and SERVER_ROOT_PATHS."""
    more = importlib.import_module("litellm.proxy.middleware.per_request_root_path_middleware")
    paths: set[str] = {_proxy().app.root_path.rstrip("/"), *more.get_server_root_paths()} - {""}
    return tuple(sorted(paths, key=len, reverse=True))


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


def _proxy() -> ModuleType:
    return importlib.import_module(PROXY)


def _why_not(model: Model) -> str:
    if not provider_known(model.model):
        return "no provider of that name; expected <provider>/<model> such as openai/gpt-4o"
    return (
        "LiteLLM dropped it; check the types of its litellm_params, such as rpm and tpm, and, where it has"
        " supported_environments, that LITELLM_ENVIRONMENT is one of LiteLLM's environments"
    )
