"""What LiteLLM works out anew for every request, worked out for less.

Each takes the place of one name inside LiteLLM, FastAPI or a client and gives the same results; what it is not sure of
goes to what it replaced. ``tests/integration/gateway/test_savings.py`` compares the two. One that rests on the text of
what it replaces is left out where an installation has another text, so an upgrade of LiteLLM is never overruled.
``ROUTEIQ_SAVINGS=false`` leaves out all of them.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routeiq_gateway.litellm_edge.savings import clients, proxy


@dataclass(frozen=True)
class Saving:
    """One replacement: where, by what, and the text that it rests on.

    Attributes:
        text: digest of the text (None: it equals whatever is there).
        rests_on: finds what has the text, or the several that have, given what is replaced.
    """

    module: str
    name: str
    by: Callable[[Any], Any]
    text: str | None = None
    rests_on: Callable[[Any], Any] = field(default=lambda original: original)

    def place(self) -> tuple[Any, str, Any]:
        """Return what has the name, the name's last part, and what stands there.

        Raises:
            ImportError, AttributeError: this installation has no such name.
        """
        *path, last = self.name.split(".")
        holder: Any = importlib.import_module(self.module)
        for part in path:
            holder = getattr(holder, part)
        return holder, last, inspect.getattr_static(holder, last)


def _and_its_cache(original: object) -> tuple[object, ...]:
    """LiteLLM's own cache of ``original``, and what empties it."""
    utils = importlib.import_module("litellm.utils")
    return original, utils.cached_get_model_info_helper.__wrapped__, utils._invalidate_model_cost_lowercase_map  # noqa: SLF001 - read, not used


SAVINGS = (
    Saving(
        "litellm.litellm_core_utils.llm_cost_calc.zero_cost_diagnostic",
        "_declares_a_rate",
        proxy.same_rates,
        "15fcd965448a97bd",
        inspect.getmodule,
    ),
    Saving("litellm.router", "copy", proxy.same_copies),
    Saving("litellm.router", "Router.get_deployment", proxy.same_deployments, "7c4af5e4db72e6c6"),
    Saving("fastapi.routing", "jsonable_encoder", clients.same_answer, "0372b84692c51e8b"),
    Saving(
        "openai.resources.chat.completions.completions",
        "async_maybe_transform",
        clients.same_body,
        "87320ba768a357d2",
        inspect.getmodule,
    ),
    Saving("httpx", "Cookies.extract_cookies", clients.same_cookies, "ed8dc7a9b42d238e"),
    Saving("openai._base_client", "BaseClient._prepare_url", clients.same_addresses, "aba8dd1b1567623f"),
    Saving("fastapi.dependencies.utils", "_get_cache_key", clients.same_keys, "2625cfc0ccef4b10", inspect.getmodule),
    Saving("litellm.main", "get_model_info_helper", proxy.same_information, "c2a25c2db39bc70c", _and_its_cache),
    Saving(
        "litellm.proxy.auth.route_checks", "RouteChecks._route_matches_pattern", proxy.same_matches, "30e0a6226a15388a"
    ),
)


def apply(savings: tuple[Saving, ...] = SAVINGS) -> Mapping[str, str]:
    """Put each saving in its place; return those left out, and why."""
    left_out = {}
    for saving in savings:
        try:
            holder, last, original = saving.place()
            if saving.text is not None and digest(saving.rests_on(original)) != saving.text:
                left_out[saving.name] = "this release of LiteLLM words it differently"
                continue
            replacement = saving.by(original)
        except (ImportError, AttributeError, OSError) as error:
            left_out[saving.name] = f"{type(error).__name__}: {error}"
            continue
        setattr(holder, last, replacement)
    return left_out


def digest(written: Any) -> str:  # noqa: ANN401 - whatever has a text
    """Return the start of the sha256 of the text of a function or a module, or of a tuple of such.

    Raises:
        OSError: the installation has no source text.
    """
    parts = written if isinstance(written, tuple) else (written,)
    return hashlib.sha256("".join(map(inspect.getsource, parts)).encode()).hexdigest()[:16]
