"""What takes the place of parts of FastAPI and of the HTTP and the OpenAI client."""

import importlib
import typing
from collections.abc import Callable, Coroutine
from functools import lru_cache
from http.cookiejar import CookieJar
from typing import Any

from routeiq_gateway.litellm_edge.savings.plain import ATOMS, plain

Transform = Callable[[object, object], Coroutine[Any, Any, object]]
MOST_KNOWN = 1024
LONGEST_KNOWN = 128


def same_body(original: Transform) -> Transform:
    """Leave out of a request's body what was not given, and nothing else, where no field has another name on the wire.

    The OpenAI client goes through the body with the types that it may have, each message six times, to rename and to
    format fields. The types of a chat completion ask for neither.
    """
    given = importlib.import_module("openai._utils").is_given

    async def transform(data: object, expected: object) -> object:
        if type(data) is dict and asks_for_nothing(expected):
            body = {key: value for key, value in data.items() if given(value)}
            if all(map(plain, body.values())):
                return body
        return await original(data, expected)

    return transform


@lru_cache
def asks_for_nothing(expected: object) -> bool:
    """Whether no field of a type, to any depth, has an annotation by which the OpenAI client renames or formats it."""
    transforming = importlib.import_module("openai._utils._transform")
    seen: set[object] = set()
    left = [expected]
    while left:
        kind = left.pop()
        if isinstance(kind, transforming.PropertyInfo):
            return False
        if isinstance(kind, list):  # the parameters of a callable
            left += kind
            continue
        if kind in seen:
            continue
        seen.add(kind)
        left += [*getattr(kind, "__metadata__", ()), *typing.get_args(kind)]
        if typing.is_typeddict(kind) or transforming.is_typeddict(kind):
            left += transforming.get_type_hints(kind, include_extras=True).values()
    return True


def same_answer(original: Callable[..., object]) -> Callable[..., object]:
    """Take an answer of plain JSON for what FastAPI would make of it, part by part: an equal one."""

    def encoded(answer: object, *args: object, **kwargs: object) -> object:
        return answer if not args and not kwargs and encodable(answer) else original(answer, *args, **kwargs)

    return encoded


def encodable(value: Any) -> bool:  # noqa: ANN401 - whatever is answered
    """Whether a value is of the types of JSON, to any depth, with names that FastAPI leaves alone."""
    kind = type(value)
    if kind is dict:
        return all(type(name) is str and not name.startswith("_sa") and encodable(part) for name, part in value.items())
    return all(map(encodable, value)) if kind is list else kind in ATOMS


def same_cookies(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Take no cookies from an answer that sets none, instead of wrapping it and its request for the cookie jar."""

    def extract(cookies: Any, response: Any) -> None:  # noqa: ANN401 - httpx's own classes
        sets = "set-cookie" in response.headers or "set-cookie2" in response.headers
        if sets or type(cookies.jar) is not CookieJar:
            original(cookies, response)

    return extract


def same_addresses(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Remember what a client's base URL and a path make together, instead of parsing both for every request.

    A URL never changes, and a client that is given another base URL has another object for it. A long path is a
    client's own, with an id in it, and hardly comes twice.
    """
    known: dict[tuple[int, str], tuple[object, Any]] = {}

    def prepare(client: Any, path: str) -> Any:  # noqa: ANN401 - the OpenAI client's own classes
        if type(path) is not str or len(path) > LONGEST_KNOWN:
            return original(client, path)
        base = client.base_url
        held = known.get((id(base), path))
        if held is not None and held[0] is base:
            return held[1]
        made = original(client, path)
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[id(base), path] = (base, made)
        return made

    return prepare


def same_keys(original: Callable[..., Any]) -> Callable[..., Any]:
    """Remember under which key FastAPI keeps what a dependency gave, instead of going through all below it.

    A dependency is described when its route is added, and its description does not change after that.
    """
    known: dict[int, tuple[object, Any]] = {}

    def key(*, dependant: Any, **more: Any) -> Any:  # noqa: ANN401 - FastAPI's own class
        held = known.get(id(dependant))
        if held is not None and held[0] is dependant:
            return held[1]
        made = original(dependant=dependant, **more)
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[id(dependant)] = (dependant, made)
        return made

    return key
