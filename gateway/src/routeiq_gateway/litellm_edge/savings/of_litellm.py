"""Savings of the work of LiteLLM itself."""

import copy
import importlib
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from routeiq_gateway.litellm_edge.savings.plain import ATOMS

NUMBERS = frozenset({int, float})
NAMES = frozenset({str})
PARTS = ("litellm_params", "model_info")
MOST_DEPLOYMENTS = 8192
MOST_MATCHES = 4096
LONGEST_ROUTE = 128


def same_rates(original: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Tell without pydantic whether an entry of the price list, of plain values, declares a rate.

    To say why a request cost nothing, LiteLLM has pydantic validate each value of the entry, twice a request and to a
    depth of four, and each validation that fails raises an exception.
    """

    def declares(pricing_entry: Any) -> bool:  # noqa: ANN401 - as LiteLLM's function
        if type(pricing_entry) is not dict or not NAMES.issuperset(map(type, pricing_entry)):
            return original(pricing_entry)
        positive = False
        for name, value in pricing_entry.items():
            if value is None or not ("cost" in name or "pricing" in name):
                continue
            if type(value) not in ATOMS:
                return original(pricing_entry)
            positive = positive or (type(value) in NUMBERS and value > 0)
        return positive

    return declares


def same_copies(module: Any) -> object:  # noqa: ANN401 - a module
    """Return a stand-in for the module ``copy`` whose ``deepcopy`` does not walk plain dictionaries value by value.

    The router copies the whole entry of a model in the price list, twice a request, to read two limits from it.
    """
    return SimpleNamespace(**{**vars(module), "deepcopy": deepcopy})


def deepcopy(x: Any, memo: dict[int, Any] | None = None) -> Any:  # noqa: ANN401 - as copy.deepcopy
    """Do as ``copy.deepcopy``, faster for a dictionary of plain values and of flat lists and dictionaries of these."""
    if type(x) is not dict or memo is not None or not ATOMS.issuperset(map(type, x)):
        return copy.deepcopy(x, memo)
    result = dict(x)
    copied: set[int] = set()
    for key, item in x.items():
        kind = type(item)
        if kind in ATOMS:
            continue
        flat = kind is list or (kind is dict and ATOMS.issuperset(map(type, item)))
        held = item.values() if kind is dict else item
        if not flat or id(item) in copied or not ATOMS.issuperset(map(type, held)):
            return copy.deepcopy(x, memo)  # nested deeper, or held twice, which a copy has to keep
        copied.add(id(item))
        result[key] = item.copy()
    return result


def same_deployments(original: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a deployment's model, where LiteLLM has pydantic build it from its dictionary, five times a request.

    The copies share nothing that can be changed, since only deployments of plain values are copied. Once the dictionary
    has changed, LiteLLM builds the model anew.
    """
    known: dict[int, tuple[object, object, Any]] = {}

    def get_deployment(router: Any, model_id: str) -> Any:  # noqa: ANN401 - LiteLLM's own classes
        index = router.model_id_to_deployment_index_map.get(model_id)
        given = None if index is None else router.model_list[index]
        held = known.get(id(given))
        if held is not None and held[0] is given and held[1] == given:
            return fresh(held[2])
        made = original(router, model_id)
        if type(given) is dict and is_flat(given):
            if len(known) >= MOST_DEPLOYMENTS:
                known.clear()
            known[id(given)] = (given, deepcopy(given), fresh(made))
        return made

    return get_deployment


def is_flat(given: dict[str, Any]) -> bool:
    """Whether a deployment and its two parts hold plain values only."""
    parts = [given.get(name) for name in PARTS]
    held = {name: value for name, value in given.items() if name not in PARTS}
    return all(type(part) is dict and ATOMS.issuperset(map(type, part.values())) for part in [*parts, held])


def fresh(made: Any) -> Any:  # noqa: ANN401 - LiteLLM's own class
    """Return a copy of a deployment with its two parts copied too."""
    copied = made.model_copy()
    copied.__dict__.update(litellm_params=made.litellm_params.model_copy(), model_info=made.model_info.model_copy())
    return copied


def same_matches(original: Any) -> object:  # noqa: ANN401 - a staticmethod
    """Remember which patterns of routes a path matches, instead of making the regular expressions anew.

    Authentication compares each path with some thirty patterns. A long path has an id in it and hardly comes twice, so
    it is not remembered.
    """
    asked = original.__func__
    remembered = lru_cache(MOST_MATCHES)(asked)

    def matches(route: Any, pattern: Any) -> bool:  # noqa: ANN401 - as LiteLLM's function
        known = type(route) is str and len(route) <= LONGEST_ROUTE
        return bool(remembered(route, pattern) if known else asked(route, pattern))

    return staticmethod(matches)


def same_information(original: Callable[..., Any]) -> Callable[..., Any]:
    """Take the information on an OpenAI model from LiteLLM's own cache, which LiteLLM empties when prices change.

    To see whether a model wants the Responses API, LiteLLM gathers all of it, twice a request, past that cache.
    """
    cached = importlib.import_module("litellm.utils").cached_get_model_info_helper

    def information(model: Any, custom_llm_provider: Any = None, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as LiteLLM's function
        if args or more or custom_llm_provider != "openai" or type(model) is not str:
            return original(model, custom_llm_provider, *args, **more)
        return dict(cached(model=model, custom_llm_provider=custom_llm_provider))

    return information
