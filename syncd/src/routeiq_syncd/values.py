"""The values of settings: each function turns the text of a variable into the value, or says what it takes."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from routeiq_syncd.configuration.bundle import inside

KEY_BYTES = 32
LOCK_NAME_LETTERS = 200
HIGHEST_PORT = 65_535
ANYWHERE = "0.0.0.0"  # noqa: S104 - whoever probes a container comes from outside of it

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One setting and how it is read.

    Attributes:
        name: the environment variable.
        wanted: what the variable has to be; completes the sentence ``NAME must be …``.
        parse: turns the variable's text into the value; raises KeyError or ValueError for a text that is not wanted.
        default: the value where the variable is unset.
        alias: another variable that means the same.
    """

    name: str
    wanted: str
    parse: Callable[[str], Value]
    default: Value
    alias: str = ""


class Environment:
    """The variables, and a sentence for each that cannot be read; no sentence quotes a value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.variables = variables

    def read(self, setting: Setting[Value]) -> Value:
        """Return the value of a setting, its default where the variable is unset or cannot be read."""
        names = (setting.name, setting.alias)
        texts = [text for name in names if (text := self.variables.get(name))]
        if len(set(texts)) > 1:
            self.problems.append(f"{names[0]} and {names[1]} mean the same and differ; set only {names[0]}.")
        try:
            return setting.parse(texts[0]) if texts else setting.default
        except (KeyError, ValueError):
            self.problems.append(f"{setting.name} must be {setting.wanted}.")
            return setting.default


def one_of(*words: Value) -> Callable[[str], Value]:
    """Return what reads one of ``words``, in either case; it raises KeyError for any other."""
    by_name = {str(word).lower(): word for word in words}
    return lambda text: by_name[text.strip().lower()]


def number(least: float, most: float, text: str) -> float:
    """Read a number from ``least`` to ``most``.

    Raises:
        ValueError: the text is something else.
    """
    value = float(text)
    if not least <= value <= most:  # false for NaN, too
        raise ValueError("out of range")
    return value


def whole(least: int, most: int, text: str) -> int:
    """Read a whole number from ``least`` to ``most``.

    Raises:
        ValueError: the text is something else.
    """
    value = number(least, most, text)
    if not value.is_integer():
        raise ValueError("not a whole number")
    return int(value)


def bytes_between(least: int, most: int) -> tuple[str, Callable[[str], int]]:
    """Say what a number of bytes has to be, and return what reads it."""
    return f"a whole number of bytes from {least} to {most}", partial(whole, least, most)


def seconds_between(least: float, most: float) -> tuple[str, Callable[[str], float]]:
    """Say what a number of seconds has to be, and return what reads it."""
    return f"a number of seconds from {least:g} to {most:g}", partial(number, least, most)


def whole_between(least: int, most: int) -> tuple[str, Callable[[str], int]]:
    """Say what a number of things has to be, and return what reads it."""
    return f"a whole number from {least} to {most}", partial(whole, least, most)


def folder(text: str) -> str:
    """Read a prefix of keys, which comes with a closing slash; ``/`` is the empty prefix.

    Raises:
        ValueError: the text begins with a slash and goes on, or holds what no key does.
    """
    prefix = text.rstrip("/")
    if prefix.startswith("/") or not prefix.isprintable():
        raise ValueError("not a prefix")
    return f"{prefix}/" if prefix else ""


def lock_name(text: str) -> str:
    """Read the name of a lease.

    Raises:
        ValueError: the text is too long, or holds what is not printed.
    """
    if len(text) > LOCK_NAME_LETTERS or not (text.isascii() and text.isprintable()):
        raise ValueError("not a name")
    return text


def address(text: str) -> tuple[str, int]:
    """Read ``host:port``; without a host, every address is meant.

    Raises:
        ValueError: the text is something else.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and port.isascii() and port.isdecimal() and 0 < int(port) <= HIGHEST_PORT):
        raise ValueError("not an address")
    return host.removeprefix("[").removesuffix("]") or ANYWHERE, int(port)


def keys(text: str) -> tuple[bytes, ...]:
    """Read keys in base64, parted by commas.

    Raises:
        ValueError: a key is not 32 bytes in base64.
    """
    keys = tuple(base64.b64decode(part.strip(), validate=True) for part in text.split(","))
    if any(len(key) != KEY_BYTES for key in keys):
        raise ValueError("not a key")
    return keys


def patterns(text: str) -> tuple[str, ...]:
    """Read patterns of files, parted by commas.

    Raises:
        ValueError: a pattern is absolute, or leads out of the directory that it counts from.
    """
    found = tuple(part for piece in text.split(",") if (part := piece.strip().removeprefix("./")))
    if any(inside(part) != part for part in found):
        raise ValueError("not a pattern below a directory")
    return found


def emulator(text: str) -> str:
    """Read the address of an emulator, ``host:port`` or a URL, into a URL without path.

    Raises:
        ValueError: the text is something else.
    """
    url = text.strip().rstrip("/")
    url = url if "://" in url else f"http://{url}"
    parts = urlsplit(url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.path
        or parts.query
        or parts.username
        or parts.port == 0
    ):
        raise ValueError("not an address")
    return url


def truth(text: str) -> bool:
    """Read ``true`` or ``false``; it raises KeyError for any other text."""
    return {"true": True, "false": False}[text.strip().lower()]
