"""Each saving of LiteLLM's work gives what LiteLLM gives."""

import copy
import importlib
import itertools
from typing import Any

import pytest

from routeiq_gateway.litellm_edge.savings import of_litellm
from tests.support.savings import original

PLAIN: list[object] = [None, True, False, 0, 1, -2.5, float("nan"), "", "text", "1.5"]
NESTED: list[object] = [
    {},
    {"input_cost_per_token": 1},
    [],
    [1, 2],
    (),
    ("a",),
    b"bytes",
    {1, 2},
    frozenset("a"),
    object(),
    {"a": {"b": 1}},
    range(3),
]


ROUTES = [
    "/v1/chat/completions",
    "/openai/deployments/a/chat/completions",
    "/v1/files/f-1",
    "/v1/files/f-1/content",
    "/v1/files/a\nb/content",
    "/key/x/regenerate",
    "/key/regenerate/x",
    "/v1/models/m:generateContent",
    "/",
    "",
    "/v1/files/" + "x" * 200,
]


@pytest.fixture(scope="module", autouse=True)
def _proxy() -> None:
    importlib.import_module("litellm.proxy.proxy_server")


def test_rates_are_found_alike() -> None:
    """An entry declares a rate or not as before: each of the installed price list, and what such an entry may hold."""
    asked = original("_declares_a_rate")
    saving = of_litellm.same_rates(asked)
    entries = list(importlib.import_module("litellm").model_cost.values())
    for name, value in itertools.product(("input_cost_per_token", "search_pricing", "mode"), PLAIN + NESTED):
        entries += [{name: value}, {"output_cost_per_token": 0, name: value}, {name: value, "tiered_pricing": [1]}]
    entries += [{}, {3: 1.5}, {None: 1.5}, [], None, {"cost": {"pricing": {"cost": {"cost": {"cost": 1}}}}}]
    verdicts = [saving(entry) for entry in entries]
    assert verdicts == [asked(entry) for entry in entries]
    assert len(entries) > 1000
    assert {True, False} == set(verdicts)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": 1, "b": None, 3: 2.5},
        {"params": ["a", "b"], "costs": {"low": 1.0}, "a": 1},
        {"deep": {"er": {"est": []}}, "list": [[1], [2]]},
        {"tuple": (1, [2])},
        {("key", 1): 1},
        [1, {"a": [2]}],
        "text",
    ],
)
def test_copies_are_alike(value: object) -> None:
    """A copy equals what was copied, and shares nothing that can be changed with it."""
    made, expected = of_litellm.deepcopy(value), copy.deepcopy(value)
    assert made == expected
    assert type(made) is type(value)
    assert mutable_parts(made).isdisjoint(mutable_parts(value))


def mutable_parts(value: object) -> set[int]:
    """Return the identities of all lists and dictionaries in ``value``."""
    if isinstance(value, dict):
        return {id(value)}.union(*(mutable_parts(item) for item in value.values()))
    if isinstance(value, list):
        return {id(value)}.union(*(mutable_parts(item) for item in value))
    return set()


def test_a_copy_keeps_what_is_held_twice() -> None:
    """Two keys that hold one list hold one list in the copy too; a memo is filled as the caller expects."""
    shared = ["a"]
    made = of_litellm.deepcopy({"one": shared, "two": shared})
    assert made["one"] is made["two"]
    assert made["one"] is not shared
    memo: dict[int, Any] = {}
    value = {"a": 1}
    assert of_litellm.deepcopy(value, memo) is of_litellm.deepcopy(value, memo)


def test_the_router_copies_through_the_saving_and_keeps_the_rest() -> None:
    """The stand-in for the module has all that the module has."""
    stand_in: Any = of_litellm.same_copies(copy)
    assert stand_in.deepcopy is of_litellm.deepcopy
    assert stand_in.copy is copy.copy
    assert set(vars(copy)) <= set(vars(stand_in))


def router_of(params: dict[str, Any]) -> Any:
    """Return a router with one deployment, and that one's id."""
    entry = {"model_name": "m", "litellm_params": {"model": "openai/m", "api_key": "k", **params}}
    router = importlib.import_module("litellm.router").Router(model_list=[entry])
    return router, next(iter(router.model_id_to_deployment_index_map))


@pytest.mark.parametrize("params", [{}, {"rpm": 5, "timeout": 2.5}, {"tags": ["a"]}, {"extra_headers": {"a": "b"}}])
def test_deployments_are_alike(params: dict[str, Any]) -> None:
    """Each time the same as LiteLLM's own, and a new one that a caller may change; a change of what it is of shows."""
    router, name = router_of(params)
    asked = original("Router.get_deployment")
    saving = of_litellm.same_deployments(asked)
    for _ in range(3):
        made, expected = saving(router, name), asked(router, name)
        assert type(made) is type(expected)
        assert made == expected
        assert made.model_dump() == expected.model_dump()
        made.model_info.id = "changed"
        made.litellm_params.api_key = "changed"
        made.model_name = "changed"
    router.model_list[0]["litellm_params"]["api_key"] = "another"
    assert saving(router, name).litellm_params.api_key == "another"
    assert saving(router, "no such id") is None


def test_routes_match_alike() -> None:
    """Every pattern that LiteLLM compares with matches the same paths, the first time and the second."""
    asked = original("_route_matches_pattern").__func__
    saving: Any = of_litellm.same_matches(original("_route_matches_pattern"))
    assert not saving.__func__(route=["/"], pattern="/")
    groups = importlib.import_module("litellm.proxy._types").LiteLLMRoutes
    patterns = sorted({pattern for group in groups for pattern in group.value})
    expected = [asked(route=route, pattern=pattern) for route in ROUTES for pattern in patterns]
    for _ in range(2):
        made = [saving.__func__(route=route, pattern=pattern) for route in ROUTES for pattern in patterns]
        assert made == expected
    assert {True, False} == set(expected)


def test_what_is_known_of_a_model_is_alike() -> None:
    """The same entry, which the caller may change, and a new one once its price has; an unknown model is refused."""
    litellm = importlib.import_module("litellm")
    asked = original("get_model_info_helper")
    saving = of_litellm.same_information(asked)
    for model, provider in (("gpt-4o", "openai"), ("gpt-4o", None), ("claude-sonnet-4-5", "anthropic")):
        for _ in range(2):
            made = saving(model=model, custom_llm_provider=provider)
            assert made == asked(model=model, custom_llm_provider=provider)
            made["mode"] = "changed"
        assert saving(model, provider, None, None) == asked(model, provider)
    price = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.0}
    for mode in ("chat", "responses"):
        litellm.register_model({"openai/of-this-test": {**price, "mode": mode}})
        for _ in range(2):
            assert saving(model="of-this-test", custom_llm_provider="openai")["mode"] == mode
    for _ in range(2):
        with pytest.raises(Exception, match="isn't mapped yet"):
            saving(model="no-such-model", custom_llm_provider="openai")
