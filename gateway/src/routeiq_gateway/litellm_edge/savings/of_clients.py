"""Savings of the work of FastAPI and of the OpenAI client."""

import importlib
import types
import typing
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any

from routeiq_gateway.litellm_edge.savings.plain import plain

Transform = Callable[[object, object], Coroutine[Any, Any, object]]
MOST_KNOWN = 1024
"""Entries of a memory, which then is emptied."""
LONGEST_KNOWN = 128
"""Characters of the longest path that is remembered."""


def same_body(original: Transform) -> Transform:
    """Leave fields that were not given out of a request's body, and do no more where the body's type asks for no more.

    The OpenAI client goes through the body with all types that the body may have, each message six times, to rename and
    to format fields. The types of a chat completion ask for neither.
    """
    given = importlib.import_module("openai._utils").is_given

    async def transform(data: object, expected_type: object) -> object:
        if type(data) is dict and asks_for_nothing(expected_type):
            body = {key: value for key, value in data.items() if given(value)}
            if all(map(plain, body.values())):
                return body
        return await original(data, expected_type)

    return transform


@lru_cache
def asks_for_nothing(expected: object) -> bool:
    """Whether the OpenAI client neither renames nor formats any field of the type ``expected``, to any depth."""
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


def same_addresses(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Remember the URL that a client's base URL and a path make together, instead of parsing both for every request.

    A URL object never changes, and a client that is given another base URL has another object for it. A long path has
    an id in it and hardly comes twice, so it is not remembered.
    """
    known: dict[tuple[int, str], tuple[object, Any]] = {}

    def prepare(client: Any, url: str) -> Any:  # noqa: ANN401 - the OpenAI client's own classes
        if type(url) is not str or len(url) > LONGEST_KNOWN:
            return original(client, url)
        base = client.base_url
        held = known.get((id(base), url))
        if held is not None and held[0] is base:
            return held[1]
        made = original(client, url)
        if len(known) >= MOST_KNOWN:
            known.clear()
        known[id(base), url] = (base, made)
        return made

    return prepare


def same_keys(original: Callable[..., Any]) -> Callable[..., Any]:
    """Remember the key under which FastAPI keeps a dependency's result, instead of going through all it depends on.

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


def same_fields(original: Callable[..., object]) -> Callable[..., object]:
    """Take a text, a number or a truth value of an answer as it is where the OpenAI client does so in the end.

    The client finds out anew for each field of each answer, and of each piece of a stream, what the field's type asks
    for, and has pydantic validate where there are several types. A field's description does not change.
    """
    known: dict[int, tuple[Any, object, frozenset[type]]] = {}

    def construct(value: object, field: Any, key: str) -> object:  # noqa: ANN401 - pydantic's own class
        held = known.get(id(field))
        if held is None or held[0] is not field or held[1] is not field.annotation:
            if len(known) >= MOST_KNOWN:
                known.clear()
            kinds = frozenset[type]() if field.metadata else taken_as_they_are(field.annotation)
            held = known[id(field)] = (field, field.annotation, kinds)
        return value if type(value) in held[2] else original(value=value, field=field, key=key)

    return construct


def taken_as_they_are(expected: object) -> frozenset[type]:
    """Return those of `str`, `int` and `bool` whose values the OpenAI client leaves alone for the type ``expected``.

    The client converts nothing for one of these types. Of several types pydantic takes the value's own, and a text is
    left alone among literals, which it either is or is not.
    """
    plain_types = frozenset((str, int, bool))
    if expected in plain_types:
        return plain_types
    if typing.get_origin(expected) not in {typing.Union, types.UnionType}:
        return frozenset()
    members = {member for member in typing.get_args(expected) if member is not types.NoneType}
    literals = {member for member in members if _literal(member)}
    if not members - literals <= plain_types:
        return frozenset()
    return plain_types & members or frozenset((str,))


def _literal(member: object) -> bool:
    return typing.get_origin(member) is typing.Literal and all(type(text) is str for text in typing.get_args(member))


def same_protocol(original: type) -> type:
    """Know without looking that a dictionary is not the configuration of a model of pydantic's first version.

    The OpenAI client asks so for each part of each answer, which goes through all attributes of a dictionary. A
    dictionary has no attributes of its own, so it never has the configuration's.
    """

    class Asked(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return type(instance) is not dict and isinstance(instance, original)

    return Asked(original.__name__, (), {})
