"""The savings: where each stands, and how all are put in their places.

A saving takes the place of one name inside LiteLLM, FastAPI or a client. A saving that rests on the text of what it
replaces is left out where the installation has another text, so an upgrade of LiteLLM is never overruled.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routeiq_gateway.litellm_edge.savings import of_clients, of_litellm


@dataclass(frozen=True)
class Saving:
    """One replacement.

    Attributes:
        module: the module that holds the name.
        name: the name to replace, dotted where a class holds it.
        by: makes the replacement, given what it replaces.
        text: :func:`digest` of the text that the saving rests on; None for a saving that equals any text.
        rests_on: finds the objects with that text, given what is replaced.
    """

    module: str
    name: str
    by: Callable[[Any], Any]
    text: str | None = None
    rests_on: Callable[[Any], Any] = field(default=lambda original: original)

    def place(self) -> tuple[Any, str, Any]:
        """Return the module or class that holds the name, the name's last part, and what the name stands for.

        Raises:
            ImportError: this installation has no such module.
            AttributeError: the module has no such name.
        """
        *path, last = self.name.split(".")
        holder: Any = importlib.import_module(self.module)
        for part in path:
            holder = getattr(holder, part)
        return holder, last, inspect.getattr_static(holder, last)


def _and_its_cache(original: object) -> tuple[object, ...]:
    """Return ``original``, LiteLLM's own cache of it, and what empties that cache."""
    utils = importlib.import_module("litellm.utils")
    return original, utils.cached_get_model_info_helper.__wrapped__, utils._invalidate_model_cost_lowercase_map  # noqa: SLF001 - read, not used


SAVINGS = (
    Saving(
        "litellm.litellm_core_utils.llm_cost_calc.zero_cost_diagnostic",
        "_declares_a_rate",
        of_litellm.same_rates,
        "344af2bc11c764c3",
        inspect.getmodule,
    ),
    Saving("litellm.router", "copy", of_litellm.same_copies),
    Saving("litellm.router", "Router.get_deployment", of_litellm.same_deployments, "7c4af5e4db72e6c6"),
    Saving(
        "litellm.responses.bridge_check",
        "get_model_info_helper",
        of_litellm.same_information,
        "1c8297cd286d6539",
        _and_its_cache,
    ),
    Saving(
        "litellm.proxy.auth.route_checks",
        "RouteChecks._route_matches_pattern",
        of_litellm.same_matches,
        "30e0a6226a15388a",
    ),
    Saving("fastapi.dependencies.utils", "_get_cache_key", of_clients.same_keys, "2625cfc0ccef4b10", inspect.getmodule),
    Saving(
        "openai.resources.chat.completions.completions",
        "async_maybe_transform",
        of_clients.same_body,
        "87320ba768a357d2",
        inspect.getmodule,
    ),
    Saving("openai._base_client", "BaseClient._prepare_url", of_clients.same_addresses, "aba8dd1b1567623f"),
    Saving("openai._models", "_construct_field", of_clients.same_fields, "a85b5516d8a03022", inspect.getmodule),
    Saving("openai._models", "_ConfigProtocol", of_clients.same_protocol, "977e726ccbe78103"),
)


def apply(savings: tuple[Saving, ...] = SAVINGS) -> Mapping[str, str]:
    """Put each saving in its place; return the names of those left out, each with the reason."""
    left_out = {}
    for saving in savings:
        try:
            holder, last, original = saving.place()
            if saving.text is not None and digest(saving.rests_on(original)) != saving.text:
                left_out[saving.name] = "this release of LiteLLM words it differently"
                continue
            replacement = saving.by(original)
        except (ImportError, AttributeError, OSError, TypeError) as error:
            left_out[saving.name] = f"{type(error).__name__}: {error}"
            continue
        setattr(holder, last, replacement)
    return left_out


def digest(written: Any) -> str:  # noqa: ANN401 - a function, a module, or a tuple of these
    """Return 16 hex digits of the sha256 of the source text of a function or a module, or of a tuple of these.

    Raises:
        OSError: the installation has no source text.
        TypeError: an object that has no source text stands there.
    """
    parts = written if isinstance(written, tuple) else (written,)
    return hashlib.sha256("".join(map(inspect.getsource, parts)).encode()).hexdigest()[:16]
