"""Each saving of the work of FastAPI and of the OpenAI client gives what these give."""

import asyncio
import importlib
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import openai
import pytest
from openai._utils import PropertyInfo
from pydantic import BaseModel
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
