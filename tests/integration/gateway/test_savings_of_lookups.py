"""Savings on what is looked up, compared and parsed many times a request: each gives what it replaces would give."""

import importlib
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import openai
import pytest

from routeiq_gateway.litellm_edge.savings import of_clients, of_litellm
from tests.support.savings import original

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


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Content-Type", "application/json")],
        [("Set-Cookie", "a=1; Path=/"), ("set-cookie", "b=2; Domain=.example.com")],
        [("SET-COOKIE2", 'c="3"; Version="1"')],
    ],
)
def test_cookies_are_taken_alike(headers: list[tuple[str, str]]) -> None:
    """What an answer sets is in the jar, also in a jar of one's own; an answer that sets none leaves it as it was."""
    asked = original("Cookies.extract_cookies")
    saving = of_clients.same_cookies(asked)
    response = httpx.Response(200, headers=headers, request=httpx.Request("GET", "https://www.example.com/"))

    class Own(CookieJar):
        """A jar of one's own."""

    jars: list[Callable[[], CookieJar]] = [CookieJar, Own, lambda: CookieJar(DefaultCookiePolicy(rfc2965=True))]
    for jar in jars:
        one, other = httpx.Cookies(jar()), httpx.Cookies(jar())
        for cookies in (one, other):
            cookies.set("kept", "yes", domain="www.example.com")
        asked(one, response)
        saving(other, response)
        assert [vars(cookie) for cookie in other.jar] == [vars(cookie) for cookie in one.jar]


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
    price = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.0}
    for mode in ("chat", "responses"):
        litellm.register_model({"openai/of-this-test": {**price, "mode": mode}})
        for _ in range(2):
            assert saving(model="of-this-test", custom_llm_provider="openai")["mode"] == mode
    for _ in range(2):
        with pytest.raises(Exception, match="isn't mapped yet"):
            saving(model="no-such-model", custom_llm_provider="openai")
