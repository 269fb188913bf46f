"""The gateway's answer, ``answers/gateway.json``: read with tolerance, since another release may have written it."""

import json
from dataclasses import dataclass

from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.revision.manifest import MOST_NUMBER


@dataclass(frozen=True)
class Serving:
    """The revision that the gateway serves, since when (as written)."""

    number: int
    digest: str
    since: str


@dataclass(frozen=True)
class Refused:
    """The revision that the gateway refused, why, and when (as written)."""

    number: int | None
    digest: str | None
    reason: str
    at: str


@dataclass(frozen=True)
class Answer:
    """What the gateway said last. ``numbers``: every revision that it needs on the volume."""

    serving: Serving | None = None
    refused: Refused | None = None
    numbers: frozenset[int] = frozenset()


def read_answer(data: bytes) -> Answer | None:
    """Read an answer, ignoring unknown fields; None where it is half or not one."""
    try:
        document = json.loads(data)
        serving, refused = document.get("serving"), document.get("refused")
        numbers = {_number(worker["number"]) for worker in document.get("workers") or ()}
        answer = Answer(
            serving=serving and Serving(_number(serving["number"]), _text(serving["digest"]), _text(serving["since"])),
            refused=refused
            and Refused(
                _number(refused["number"]), _text(refused["digest"]), _text(refused["reason"]), _text(refused["at"])
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    for named in (answer.serving, answer.refused):
        if named is not None and named.number is not None:
            numbers.add(named.number)
    return Answer(answer.serving, answer.refused, frozenset(numbers))


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MOST_NUMBER:
        raise ValueError("not the number of a revision")
    return value


def _text(value: object) -> str:
    return legible(str(value))
