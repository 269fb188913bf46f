"""Reasons for a refusal: sentences that quote no value, short enough for every place that shows them."""

from collections.abc import Iterator

from pydantic import ValidationError
from yaml import YAMLError

from routeiq_gateway.configuration.harmless import shown_key
from routeiq_gateway.configuration.loading import not_yaml

LONGEST = 2000
"""Bytes of a reason. The shared page, a message to the parent and the answer hold reasons, and are all bounded."""
LONGEST_LINE = 300
CUT = "…"


def sentence(error: BaseException) -> str:
    """Return what ``error`` says, without the values that pydantic and PyYAML quote.

    pydantic shortens a long value in its middle, so :func:`~routeiq_gateway.configuration.redact.scrub` could not find
    the rest of a secret. An exception that was raised while handling one of pydantic's often embeds its whole text.
    """
    text = str(error)
    for below in chain(error):
        if isinstance(below, ValidationError):
            text = text.replace(str(below), _validation(below))
        elif isinstance(below, YAMLError):
            text = text.replace(str(below), not_yaml(below))
    return text


def shorten(text: str, most: int = LONGEST) -> str:
    """Return ``text`` in at most ``most`` bytes of UTF-8; a text that is cut ends in an ellipsis."""
    encoded = text.encode(errors="replace")
    if len(encoded) > most:
        return encoded[: most - len(CUT.encode())].decode(errors="ignore") + CUT
    return encoded.decode()


def first_line(error: BaseException) -> str:
    """Return the type of ``error`` and the first line of what it says, in at most `LONGEST_LINE` bytes."""
    lines = str(error).strip().splitlines()
    return shorten(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__, LONGEST_LINE)


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and every exception in its chain of causes and contexts, each once."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        below = left.pop()
        if below is None or id(below) in seen:
            continue
        seen.add(id(below))
        yield below
        left += [below.__cause__, below.__context__]


def _validation(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(map(_step, item['loc'])) or 'the value'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return f"{error.title}: {'; '.join(problems)}"


def _step(part: str | int) -> str:
    return str(part) if isinstance(part, int) else shown_key(part)
