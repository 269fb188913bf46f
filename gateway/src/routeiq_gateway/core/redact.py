"""Keep secrets out of what leaves the process: reasons, statuses, printed configuration."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MASK = "***"
SECRET_NAME = re.compile(
    r"(key|secret|password|passwd|token|credential|salt|authorization|cookie|private|dsn|webhook|connection_string"
    r"|database_url|redis_url)",
    re.IGNORECASE,
)
# These look like secrets by name and are not: counts, identifiers, switches.
PLAIN_NAME = re.compile(
    r"(max_.*tokens|.*_tokens|tokens?_per_.*|.*token_cost.*|cost_per_token.*|.*_cost_per_.*|key_management_.*|.*_key_name|.*_key_id)$",
    re.IGNORECASE,
)
URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^\s/@:]*:)\S*(?=@)", re.IGNORECASE)
REFERENCE = "os.environ/"
SHORTEST_SECRET = 6


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
            return URL_PASSWORD.sub(rf"\g<head>{MASK}", value)
        case bool() | None:
            return value
        case _ if secret:
            return MASK
        case _:
            return value


def secrets_of(config: Any, environment: Mapping[str, str]) -> frozenset[str]:  # noqa: ANN401 - any YAML value
    """Return the texts that must not appear in a message about ``config``.

    They are the values of secret settings, and of the variables such settings refer to.
    """
    names = {name for name in environment if is_secret_name(name)}
    values = {environment[name] for name in names}
    for text in _secret_texts(config, secret=False):
        values.add(environment.get(text.removeprefix(REFERENCE), "") if text.startswith(REFERENCE) else text)
    return frozenset(value for value in values if len(value) >= SHORTEST_SECRET)


def scrub(message: str, secrets: Iterable[str]) -> str:
    """Return ``message`` without any of ``secrets`` and without passwords in URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, MASK)
    return URL_PASSWORD.sub(rf"\g<head>{MASK}", message)


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
