"""Keeping secrets out of what leaves the process: reasons, statuses, the printed configuration."""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any

MASK = "***"
SECRET_NAME = re.compile(
    r"(key|secret|password|passwd|passphrase|pwd|token|credential|salt|authorization|cookie|private|dsn|webhook"
    r"|connection_string|database_url|redis_url|environment_variables"
    r"|pass(?![_-]?through)(?![a-z])|auth(?![a-z]))",
    re.IGNORECASE,
)
# Names that look like those of secrets and are not: of counts, identifiers, switches and handlers.
PLAIN_NAME = re.compile(
    r"(max_.*tokens|.*_tokens|tokens?_per_.*|.*token_cost.*|cost_per_token.*|.*_cost_per_.*|key_management_.*|.*_key_name|.*_key_id"
    r"|custom_auth.*|litellm_jwtauth|.*auth_(type|mode|method))$",
    re.IGNORECASE,
)
DIRECTORIES = frozenset({"PWD", "OLDPWD"})
"""Variables in which a shell keeps directories; by their names they would be passwords."""
WORD = re.compile(r"\S+")
USER = re.compile(r"://[^\s/@:]*:")
INPUT, INPUT_END = "input_value=", ", input_type="
REFERENCE = "os.environ/"
SHORTEST_SECRET = 6
PIECE = 8
"""Characters of a secret's beginning or end that are hidden where they stand without the rest."""


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    return bool(SECRET_NAME.search(name)) and not PLAIN_NAME.match(name)


def mask(value: Any, *, secret: bool = False) -> Any:  # noqa: ANN401 - a configuration is any YAML value
    """Return ``value`` with every secret in it replaced; references to variables stay readable."""
    match value:
        case Mapping():
            return {key: mask(below, secret=secret or is_secret_name(str(key))) for key, below in value.items()}
        case list():
            return [mask(below, secret=secret) for below in value]
        case str() if secret and not value.startswith(REFERENCE):
            return MASK
        case str():
            return _without_passwords(value)
        case bool() | None:
            return value
        case _ if secret:
            return MASK
        case _:
            return value


def secrets_of(config: Any, environment: Mapping[str, str]) -> frozenset[str]:  # noqa: ANN401 - any YAML value
    """Return the texts that must not appear in a message about ``config``.

    They are the values of secret settings, of the variables these refer to, and of variables with a secret's name.
    """
    values = {text for name, text in environment.items() if is_secret_name(name) and name not in DIRECTORIES}
    for text in _secret_texts(config, secret=False):
        values.add(environment.get(text.removeprefix(REFERENCE), "") if text.startswith(REFERENCE) else text)
    return frozenset(value for value in values if len(value) >= SHORTEST_SECRET)


def scrub(message: str, secrets: Iterable[str]) -> str:
    """Return ``message`` without any of ``secrets``, or long pieces of them, and without passwords in URLs.

    A message may hold a secret as ``repr`` writes it. A message that was shortened in its middle may hold only the
    beginning and the end of a secret.
    """
    known = {form for secret in secrets for form in (secret, repr(secret)[1:-1])}
    for secret in sorted(known, key=len, reverse=True):
        message = message.replace(secret, MASK)
    message = _without_inputs(message)
    long = [core for core in map(_core, known) if len(core) > PIECE]
    message = _without_heads(message, sorted(long))
    message = _without_heads(message[::-1], sorted(core[::-1] for core in long))[::-1]
    return _without_passwords(message)


def _without_inputs(message: str) -> str:
    """Mask the values that pydantic quotes: pydantic shortens them, so they need not hold a whole secret."""
    first, *rest = message.split(INPUT)
    for part in rest:
        value, end, after = part.rpartition(INPUT_END)
        first += f"{INPUT}{MASK}{end}{after}" if end else f"{INPUT}{value}{after}"
    return first


def _without_heads(message: str, secrets: list[str]) -> str:
    """Mask in ``message`` each beginning of a secret, in one pass; ``secrets`` are sorted."""
    heads = {secret[:PIECE] for secret in secrets}
    longest = max(map(len, secrets), default=0)
    kept, start, place = [], 0, 0
    while heads and place + PIECE <= len(message):
        if message[place : place + PIECE] not in heads:
            place += 1
            continue
        window = message[place : place + longest]
        at = bisect(secrets, window)  # in sorted order, the longest shared beginning is a neighbour's
        shared = max(_shared(window, secret) for secret in secrets[max(at - 1, 0) : at + 1])
        kept += [message[start:place], MASK]
        start = place = place + shared
    return "".join([*kept, message[start:]])


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts share at their beginnings."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _core(secret: str) -> str:
    """Return what identifies ``secret``: of a URL, only its password, or, without one, what follows the last slash."""
    _, scheme, rest = secret.partition("://")
    if not scheme:
        return secret
    user, at, _ = rest.rpartition("@")
    return (user.partition(":")[2] or user) if at else rest.rpartition("/")[2]


def _without_passwords(text: str) -> str:
    """Mask the passwords of URLs: from the user's colon to the last ``@`` before white space."""
    return WORD.sub(_without_password, text) if "://" in text else text


def _without_password(word: re.Match[str]) -> str:
    text = word.group()
    at = text.rfind("@")
    user = USER.search(text, 0, at) if at >= 0 else None
    return f"{text[: user.end()]}{MASK}{text[at:]}" if user else text


def _secret_texts(value: Any, *, secret: bool) -> Iterator[str]:  # noqa: ANN401 - any YAML value
    match value:
        case Mapping():
            for key, below in value.items():
                yield from _secret_texts(below, secret=secret or is_secret_name(str(key)))
        case list():
            for below in value:
                yield from _secret_texts(below, secret=secret)
        case str() if secret:
            yield value
        case int() | float() if secret:
            yield str(value)
