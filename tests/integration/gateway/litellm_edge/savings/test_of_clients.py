"""Each saving of the work of FastAPI and of the OpenAI client gives what these give."""

import asyncio
import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable
from typing import Annotated, Any, Literal

import httpx
import openai
import pytest
from openai._utils import PropertyInfo
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from routeiq_gateway.litellm_edge.savings import of_clients
from tests.support.savings import original


@pytest.fixture(scope="module", autouse=True)
def _proxy() -> None:
    importlib.import_module("litellm.proxy.proxy_server")


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


def test_addresses_are_alike() -> None:
    """The same URL, the first time and the second, of a client's base URL as it is now; an absolute one stays."""
    asked = original("_prepare_url")
    saving = of_clients.same_addresses(asked)
    client = openai.AsyncOpenAI(api_key="k", base_url="http://one.example:81/a%20b/v1?x=1")
    other = openai.AsyncOpenAI(api_key="k", base_url="http://other.example/v1")
    for base in (client.base_url, httpx.URL("https://two.example/")):
        client.base_url = base
        for path in ("/chat/completions", "files/f 1/content?a=b", "http://elsewhere.example/x", "", "/", "x" * 200):
            for one in (client, other, client):
                assert saving(one, path) == asked(one, path)
                assert type(saving(one, path)) is type(asked(one, path))
    for _ in range(2):
        with pytest.raises(httpx.InvalidURL):
            saving(client, "https://h\x00")


def test_keys_of_dependencies_are_alike() -> None:
    """Every dependency of every route of the proxy has its key, the first time and the second."""
    asked = original("_get_cache_key")
    saving = of_clients.same_keys(asked)
    application = importlib.import_module("litellm.proxy.proxy_server").app
    left: list[Any] = list(application.routes)
    dependants: list[Any] = []
    for one in left:
        left += one.effective_candidates() if hasattr(one, "effective_candidates") else []
        dependants += filter(None, [getattr(one, "dependant", None)])
    for one in dependants:
        dependants += one.dependencies
        for _ in range(2):
            assert saving(dependant=one, uses_scopes_cache={}) == asked(dependant=one)
    assert len(dependants) > 1000


def models_of_the_client() -> list[type[BaseModel]]:
    """Return all types of answers that the OpenAI client knows."""
    package = importlib.import_module("openai.types")
    for module in pkgutil.walk_packages(package.__path__, "openai.types."):
        importlib.import_module(module.name)
    found, left = set[type[BaseModel]](), [importlib.import_module("openai._models").BaseModel]
    while left:
        below = set(left.pop().__subclasses__()) - found
        found |= below
        left += below
    return sorted((model for model in found if model.__module__.startswith("openai.")), key=str)


VALUES: tuple[object, ...] = (
    "",
    "stop",
    "12",
    "1.5",
    "true",
    "\ud800",
    0,
    1,
    2**70,
    True,
    False,
    None,
    1.5,
    1.0,
    [],
    ["a"],
    {},
    {"id": "x"},
)


def test_fields_are_alike() -> None:
    """Each field of each type that the client knows takes each value as before, the first time and the second."""
    asked = original("_construct_field")
    saving = of_clients.same_fields(asked)
    taken = 0

    def outcome(construct: Callable[..., object], value: object, field: FieldInfo) -> tuple[type, str]:
        try:
            made = construct(value=value, field=field, key="k")
        except Exception as error:  # noqa: BLE001 - both have to raise the same
            return type(error), str(error)
        return type(made), repr(made)

    for model in models_of_the_client():
        for field in model.model_fields.values():
            kinds = frozenset[type]() if field.metadata else of_clients.taken_as_they_are(field.annotation)
            taken += bool(kinds)
            for value in VALUES:
                expected = outcome(asked, value, field)
                assert outcome(saving, value, field) == expected, (model, field, value)
                assert outcome(saving, value, field) == expected, (model, field, value)
    assert taken > 500


@pytest.mark.parametrize(
    ("expected", "kinds"),
    [
        (str, {str, int, bool}),
        (float, set()),
        (str | None, {str}),
        (int | None, {int}),
        (Literal["a", "b"] | None, {str}),
        (Literal["a"] | int, {int}),
        (Literal[1] | None, set()),
        (str | list[str] | None, set()),
        (float | str | None, set()),
        (list[str], set()),
        (BaseModel, set()),
        (dt.datetime, set()),
        (Annotated[str, "more"], set()),
    ],
)
def test_only_values_that_stay_are_taken_as_they_are(expected: object, kinds: set[type]) -> None:
    """What the client converts, or might convert, is left to the client."""
    assert of_clients.taken_as_they_are(expected) == kinds


def test_configurations_of_models_are_alike() -> None:
    """A dictionary, an object with the attribute and an object without are told apart as before."""
    asked = original("_ConfigProtocol")
    saving = of_clients.same_protocol(asked)

    class Own(dict[str, object]):
        allow_population_by_field_name = True

    for config in ({}, {"populate_by_name": True}, Own(), type("Config", (), dict(vars(Own)))(), None, object(), "x"):
        assert isinstance(config, saving) == isinstance(config, asked)
    assert isinstance(Own(), saving)
