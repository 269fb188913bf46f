"""Reading a part of a large JSON document without building the rest of it.

A reader takes the text and where a value begins, and returns the value and where it ends. What it leaves out is
parsed member by member and forgotten at once, so that the whole never stands in memory.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

Reader = Callable[[str, int], tuple[object, int]]

SPACE = re.compile(r"[ \t\n\r]*")
whole: Reader = json.JSONDecoder().raw_decode
NO_READERS: Mapping[str, Reader] = MappingProxyType({})


def read(text: str, reader: Reader) -> object:
    """Read the document ``text``.

    Raises:
        ValueError: it is not JSON.
    """
    value, _ = reader(text, _skip(text, 0))
    return value


def members(
    readers: Mapping[str, Reader] = NO_READERS, *, each: Reader = whole, only: Collection[str] | None = None
) -> Reader:
    """Return a reader of objects: the members named ``only``, all by default, by their own reader or by ``each``."""

    def reader(text: str, at: int) -> tuple[object, int]:
        found: dict[str, object] = {}
        at = _expect(text, at, "{")
        while text[at : at + 1] != "}":
            name, at = whole(text, at)
            at = _expect(text, at, ":")
            value, at = readers.get(str(name), each)(text, at)
            if only is None or name in only:
                found[str(name)] = value
            at = _next(text, at, "}")
        return found, at + 1

    return reader


def items(each: Reader) -> Reader:
    """Return a reader of arrays whose items ``each`` reads."""

    def reader(text: str, at: int) -> tuple[object, int]:
        found = []
        at = _expect(text, at, "[")
        while text[at : at + 1] != "]":
            value, at = each(text, at)
            found.append(value)
            at = _next(text, at, "]")
        return found, at + 1

    return reader


def source(text: str, at: int) -> tuple[object, int]:
    """Read any value as the text that it is written in."""
    _, end = whole(text, at)
    return text[at:end], end


def referred(value: object, key: str) -> Iterator[str]:
    """Yield every text that stands under ``key``, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                yield inner
            else:
                yield from referred(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from referred(inner, key)


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"'{mark}' is expected at character {at}")
    return _skip(text, at + 1)


def _next(text: str, at: int, end: str) -> int:
    """Return where the next member begins, or where ``end`` stands."""
    at = _skip(text, at)
    return at if text[at : at + 1] == end else _expect(text, at, ",")
