"""Reasons for a refusal: sentences that quote no value, short enough for every place that shows them."""

from collections.abc import Iterator

from pydantic import ValidationError

LONGEST = 2000
"""Bytes of a reason. It stands on the board, in a message to the parent and in the answer, all of which are bounded."""
CUT = "…"


def sentence(error: BaseException) -> str:
    """Return what ``error`` says, without the values that pydantic quotes.

    pydantic shortens a long value in its middle, so what it leaves of a secret is no text that could be looked for.
    An exception that was raised over one of pydantic's often embeds the whole text of it.
    """
    text = str(error)
    for below in _chain(error):
        if isinstance(below, ValidationError):
            text = text.replace(str(below), _validation(below))
    return text


def shorten(text: str, most: int = LONGEST) -> str:
    """Return ``text`` in at most ``most`` bytes of UTF-8; what is cut ends in an ellipsis."""
    encoded = text.encode(errors="replace")
    if len(encoded) > most:
        encoded = encoded[: most - len(CUT.encode())]
        return encoded.decode(errors="ignore") + CUT
    return encoded.decode()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and all that it was raised from or over, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        below = waiting.pop()
        if below is None or id(below) in seen:
            continue
        seen.add(id(below))
        yield below
        waiting += [below.__cause__, below.__context__]


def _validation(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in item['loc']) or 'the value'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return f"{error.title}: {'; '.join(problems)}"
