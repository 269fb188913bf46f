"""Keeping secrets out of what leaves the process: reasons, statuses, logs, the printed configuration.

:func:`mask` decides what of a configuration is shown. Whatever it hides, :func:`secrets_of` collects, and
:func:`scrub` takes out of any text: what the printed configuration does not show, no other place shows.
"""

import json
import re
from base64 import b64encode
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import Any

from routeiq_gateway.configuration.harmless import (
    MASK,
    REFERENCE,
    TOKEN,
    Place,
    is_known,
    is_name,
    is_variable,
    place_below,
    shown_key,
    shown_login,
    shown_parameter,
    shown_scalar,
)

SECRET_NAME = re.compile(
    r"(key|secret|password|passwd|passphrase|passcode|pwd|token|credential|salt|authorization|cookie|private|dsn|webhook"
    r"|connection_string|(database|redis|direct|mongo|amqp|broker)_ur[li]|bearer|jwt|sas(_|$)|signature|pem(_|$)"
    r"|service_account|pass(?![_-]?through)(?![a-z])|auth(?![a-z]))",
    re.IGNORECASE,
)
# Names that look like those of secrets and are not: of counts, identifiers, switches and handlers.
PLAIN_NAME = re.compile(
    r"(max_.*tokens|.*_tokens|tokens?_per_.*|.*token_cost.*|cost_per_token.*|.*_cost_per_.*|key_management_.*|.*_key_name|.*_key_id"
    r"|custom_auth.*|litellm_jwtauth|.*auth_(type|mode|method)|.*_(file|path|dir))$",
    re.IGNORECASE,
)
DIRECTORIES = frozenset({"PWD", "OLDPWD"})
"""Variables in which a shell keeps directories; by their names they would be passwords."""
WORD = re.compile(r"\S+")
QUERY = re.compile(r"(?<=[?&])[^?&=]+=[^&'\"),;]+")
INPUT, INPUT_END = "input_value=", ", input_type="
PUNCTUATION = re.compile(r"[:@/?&;,\"'<>=#|(){}\[\]\s]+")
PARTS_OF_ADDRESS = re.compile(r"\w+://|[/?@\s]+")
PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
SHORTEST_SECRET = 4
SHORTEST_NUMBER = 8
"""Digits of a number that is hidden in texts: numbers of fewer are in all of them."""
SHORTEST_WITHIN = 6
"""Characters of a secret that is hidden inside of words too; a shorter one would hide parts of ordinary words."""
PIECE = 8
"""Characters of a secret's beginning or end that are hidden where they stand without the rest."""


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret: of the environment, names are all that is known."""
    return bool(SECRET_NAME.search(name)) and not PLAIN_NAME.match(name)


def mask(value: Any) -> Any:  # noqa: ANN401 - a configuration is any YAML value
    """Return the configuration ``value`` with all that is not known to be harmless replaced.

    References to variables stay readable, and so does the shape; keys that are no words of settings are replaced too.
    """
    return _mask(value, Place.SETTINGS, _Seen())


def secrets_of(config: Any, environment: Mapping[str, str]) -> frozenset[str]:  # noqa: ANN401 - any YAML value
    """Return the texts that must not appear in a message about ``config``.

    They are all that :func:`mask` hides, the values of the variables that ``config`` refers to, and of variables with
    a secret's name.
    """
    seen = _Seen()
    _mask(config, Place.SETTINGS, seen)
    values = {text for name, text in environment.items() if is_secret_name(name) and name not in DIRECTORIES}
    for text in seen.hidden - seen.visible:
        before, found, name = text.partition(REFERENCE)
        values |= {environment.get(name, ""), before.strip(), "" if is_variable(name) else name} if found else {text}
    return worth_hiding(values)


def worth_hiding(values: Iterable[str]) -> frozenset[str]:
    """Return those of ``values`` that are hidden in texts: not the shortest, and none of words of settings alone."""
    return frozenset(value for value in values if len(value) >= SHORTEST_SECRET and not is_known(value))


def scrub(message: str, secrets: Iterable[str]) -> str:
    """Return ``message`` without any of ``secrets``; see :class:`Scrubber`."""
    return _scrubber(frozenset(secrets)).scrub(message)


@lru_cache(maxsize=2)
def _scrubber(secrets: frozenset[str]) -> "Scrubber":
    """Return the scrubber of ``secrets``: each line of a log needs it, and thousands of models make it costly."""
    return Scrubber(secrets)


class Scrubber:
    """Takes secrets out of texts: whole ones, long pieces of them, and what addresses carry besides an address.

    A text may hold a secret as ``repr`` or JSON writes it. A text that was shortened in its middle may hold only the
    beginning and the end of a secret.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form for secret in secrets for form in _forms(secret)}
        short = sorted(re.escape(text) for text in known if SHORTEST_SECRET <= len(text) < SHORTEST_WITHIN)
        self._short = re.compile(rf"(?<!\w)({'|'.join(short)})(?!\w)") if short else None
        self._whole: dict[str, list[str]] = {}
        for text in known:
            if len(text) >= SHORTEST_WITHIN:
                self._whole.setdefault(text[:SHORTEST_WITHIN], []).append(text)
        pieces = {piece for text in known for piece in _pieces(text)}
        self._heads = _Heads(pieces)
        self._tails = _Heads(piece[::-1] for piece in pieces)
        self._marks = frozenset(self._whole).union(
            *((piece[:SHORTEST_WITHIN], piece[-SHORTEST_WITHIN:]) for piece in pieces)
        )

    def scrub(self, message: str) -> str:
        """Return ``message`` without the secrets; one that holds none costs time by its length alone."""
        message = _without_inputs(message)
        if self._short is not None:
            message = self._short.sub(MASK, message)
        marks = self._marks & {message[at : at + SHORTEST_WITHIN] for at in range(len(message) - SHORTEST_WITHIN + 1)}
        if marks:
            found = [text for mark in marks for text in self._whole.get(mark, ()) if text in message]
            for secret in sorted(found, key=len, reverse=True):
                message = message.replace(secret, MASK)
            message = self._heads.cut(message)
            message = self._tails.cut(message[::-1])[::-1]
        return _without_credentials(message)


def _mask(value: Any, place: Place, seen: "_Seen") -> Any:  # noqa: ANN401 - a configuration is any YAML value
    """Return ``value``, which stands at ``place``, as it may be shown."""
    match value:
        case Mapping():
            result: dict[Any, Any] = {}
            for key, below in value.items():
                name: Any = shown_key(key, place)
                if name == MASK:
                    if not is_name(str(key)):
                        seen.hidden.add(str(key))
                    name = f"{MASK}{len(result) + 1}" if MASK in result else MASK
                result[name] = _mask(below, place_below(place, key), seen)
            return result
        case list():
            return [_mask(below, place, seen) for below in value]
        case _:
            as_shown = shown_scalar(value, place)
            seen.note(value, as_shown)
            return as_shown


@dataclass(frozen=True)
class _Seen:
    """The texts of a configuration that are hidden, and those that are shown whole."""

    hidden: set[str] = field(default_factory=set)
    visible: set[str] = field(default_factory=set)

    def note(self, value: object, result: object) -> None:
        """Remember ``value``, which is shown as ``result``."""
        match value:
            case bool() | None:
                return
            case str():
                reference = value.startswith(REFERENCE)
                (self.visible if value == result and not reference else self.hidden).add(value)
            case bytes() if result == MASK:
                self.hidden.update({value.decode("latin-1"), repr(value)[2:-1], b64encode(value).decode()})
            case int() | float():
                if result == MASK and len(str(value)) >= SHORTEST_NUMBER:
                    self.hidden.add(str(value))
            case _:
                self.hidden.add(str(value))


class _Heads:
    """Cuts the beginnings of some texts out of others, in one pass.

    ``texts`` are longer than :data:`PIECE`.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._sorted = sorted(texts)
        self._heads = frozenset(text[:PIECE] for text in self._sorted)
        self._longest = max(map(len, self._sorted), default=0)

    def cut(self, message: str) -> str:
        kept, start, place = [], 0, 0
        while place + PIECE <= len(message):
            if message[place : place + PIECE] not in self._heads:
                place += 1
                continue
            window = message[place : place + self._longest]
            at = bisect(self._sorted, window)  # in sorted order, the longest shared beginning is a neighbour's
            shared = max(_shared(window, text) for text in self._sorted[max(at - 1, 0) : at + 1])
            kept += [message[start:place], MASK]
            start = place = place + shared
        return "".join([*kept, message[start:]])


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts share at their beginnings."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _forms(secret: str) -> set[str]:
    """Return ``secret`` as it may be written, by repr, YAML and JSON too; of an address, its login by itself too."""
    login = _login(secret)
    texts = {secret, *login, *(PERCENT.sub(lambda found: chr(int(found[1], 16)), part) for part in login)}
    quoted = texts | {form for text in texts for form in (repr(text)[1:-1], text.replace("'", "''"))}
    return quoted | {json.dumps(text)[1:-1] for text in quoted}


def _login(secret: str) -> tuple[str, ...]:
    """Return what an address says before its host: the password, or what stands there alone."""
    scheme, _, rest = secret.partition("://")
    user, colon, password = rest.rpartition("@")[0].partition(":")
    return (password,) if colon else (user,) if user and scheme.lower() in TOKEN else ()


def _pieces(secret: str) -> Iterator[str]:
    """Yield what of ``secret`` is secret by itself: all of it, but for an address, and parts that tell something."""
    address = "://" in secret
    parts = [*PUNCTUATION.split(secret), *(PARTS_OF_ADDRESS.split(secret) if address else secret.split())]
    pieces = [part for part in parts if not is_known(part)] + ([] if address else [secret.strip()])
    yield from (piece for piece in pieces if len(piece) > PIECE)


def _without_inputs(message: str) -> str:
    """Mask the values that pydantic quotes: pydantic shortens them, so they need not hold a whole secret."""
    first, *rest = message.split(INPUT)
    for part in rest:
        value, end, after = part.rpartition(INPUT_END)
        first += f"{INPUT}{MASK}{end}{after}" if end else f"{INPUT}{value}{after}"
    return first


def _without_credentials(text: str) -> str:
    """Mask what stands before the host in addresses, to the last ``@`` before white space, and values in queries."""
    return WORD.sub(_without_credential, text) if "://" in text else text


def _without_credential(word: re.Match[str]) -> str:
    before, separator, rest = word.group().partition("://")
    if not separator:
        return before
    login, at, rest = rest.rpartition("@")
    login = shown_login(before, login)
    path, mark, query = rest.partition("?")
    query = QUERY.sub(lambda found: shown_parameter(found[0]), f"{mark}{query}") if mark else ""
    return f"{before}://{login}{at}{path}{query}"
