"""Each saving gives what it replaces would give, and stands back where LiteLLM has another text."""

import asyncio
import copy
import importlib
import itertools
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from openai._utils import PropertyInfo
from pydantic import BaseModel
from typing_extensions import TypedDict

from routeiq_gateway.litellm_edge.savings import table as savings
from routeiq_gateway.litellm_edge.savings import of_clients, of_litellm
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


@pytest.fixture(scope="module", autouse=True)
def _proxy() -> None:
    importlib.import_module("litellm.proxy.proxy_server")


def test_every_saving_fits_the_installed_litellm() -> None:
    """An upgrade of LiteLLM that changes what a saving replaces is noticed here, not by its users."""
    texts = {
        saving.name: savings.digest(saving.rests_on(saving.place()[2]))
        for saving in savings.SAVINGS
        if saving.text is not None
    }
    assert texts == {saving.name: saving.text for saving in savings.SAVINGS if saving.text is not None}


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


def test_answers_are_alike() -> None:
    """What FastAPI makes of an answer is equal, plain or not."""
    asked = original("jsonable_encoder")
    saving = of_clients.same_answer(asked)
    answers: list[object] = [
        *PLAIN[:-4],
        {"a": [1, {"b": None}], "c": 2.5},
        {"_sa": 1, "a": 1},
        {1: "a"},
        ("a", {"b": (1,)}),
    ]
    answers += [savings_model(), [savings_model()], {"a": {"_sa_b": 1}}]
    for answer in answers:
        assert saving(answer) == asked(answer), answer
    assert saving({"a": None, "b": 1}, exclude_none=True) == {"b": 1}


class Renamed(TypedDict, total=False):
    """A type whose field has another name on the wire."""

    card_id: Annotated[str, PropertyInfo(alias="cardID")]
    calls: Callable[[int], str]


def bodies() -> list[dict[str, object]]:
    """Return bodies of chat completions, new ones each time: what is iterated over once is used up."""
    client = importlib.import_module("openai")
    message = {
        "role": "user",
        "content": [{"type": "text", "text": "hello"}, {"type": "file", "file": {"file_id": "x"}}],
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    return [
        {"model": "m", "messages": [message, {"role": "system", "content": "be kind"}], "stream": client.omit},
        {"model": "m", "messages": [], "temperature": client.NOT_GIVEN, "stop": None, "logit_bias": {"50256": -100}},
        {"model": "m", "messages": [{"role": "user", "content": client.NOT_GIVEN}], "tools": [tool], "seed": 1},
        {"model": "m", "messages": ({"role": "user", "content": text} for text in "ab"), "stop": ("a", "b")},
        {"model": "m", "messages": [savings_model()], "unknown": {"any": [1, None, {"x": 2.5}]}, "user": True},
    ]


def savings_model() -> BaseModel:
    """Return a message that is a model of pydantic."""
    fields = importlib.import_module("openai.types.chat").ChatCompletionMessage
    message: BaseModel = fields(role="assistant", content="hi")
    return message


def test_bodies_are_alike() -> None:
    """What is sent for a chat completion is the same, plain or not, and a new dictionary each time."""
    asked = original("async_maybe_transform")
    types = importlib.import_module("openai.types.chat.completion_create_params")
    saving = of_clients.same_body(asked)
    for expected in (types.CompletionCreateParamsNonStreaming, types.CompletionCreateParamsStreaming):
        assert of_clients.asks_for_nothing(expected)
        for one, other in zip(bodies(), bodies(), strict=True):
            made = asyncio.run(saving(one, expected))
            assert made == asyncio.run(asked(other, expected))
            assert made is not one
    assert asyncio.run(saving(None, types.CompletionCreateParamsStreaming)) is None


def test_fields_with_another_name_keep_it() -> None:
    """A type with something to rename is left to the client, however deep it is."""
    saving = of_clients.same_body(original("async_maybe_transform"))
    assert asyncio.run(saving({"card_id": "c"}, Renamed)) == {"cardID": "c"}
    assert not of_clients.asks_for_nothing(Renamed)
    assert not of_clients.asks_for_nothing(dict[str, list[Renamed | None]])


def test_a_saving_stands_back() -> None:
    """Where the text is another, the name has gone or the module has, LiteLLM's own stays, and the reason is told."""
    module = "litellm.litellm_core_utils.llm_cost_calc.zero_cost_diagnostic"
    before = original("_declares_a_rate")
    left_out = savings.apply(
        (
            savings.Saving(module, "_declares_a_rate", of_litellm.same_rates, "another text"),
            savings.Saving(module, "Gone.declares", of_litellm.same_rates),
            savings.Saving("litellm.no_such_module", "declares", of_litellm.same_rates),
            savings.Saving(module, "zero_cost_finding", lambda asked: asked.no_such_name),
        )
    )
    assert original("_declares_a_rate") is before
    assert list(left_out) == ["_declares_a_rate", "Gone.declares", "declares", "zero_cost_finding"]
    assert "words it differently" in left_out["_declares_a_rate"]


def test_savings_take_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them apply to the installed LiteLLM."""
    for saving in savings.SAVINGS:
        monkeypatch.setattr(*saving.place(), raising=False)  # puts it back after the test
    before = [saving.place()[2] for saving in savings.SAVINGS]
    assert savings.apply() == {}
    assert all(saving.place()[2] is not old for saving, old in zip(savings.SAVINGS, before, strict=True))
