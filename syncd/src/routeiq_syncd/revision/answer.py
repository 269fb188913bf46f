"""The gateway's answer, ``answers/gateway.json``: read with tolerance, since another release may have written it."""

import json
from dataclasses import dataclass

from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.revision.manifest import whole

SERVING_NOTHING = frozenset({"starting", "stopped"})
"""The states of a gateway that serves no revision."""


@dataclass(frozen=True)
class Serving:
    """The revision that the gateway serves, and since when: an instant as the gateway wrote it."""

    number: int
    digest: str
    since: str


@dataclass(frozen=True)
class Refused:
    """The revision that was refused, why, and when: an instant as it was written."""

    number: int | None
    digest: str | None
    reason: str
    at: str


@dataclass(frozen=True)
class Answer:
    """The gateway's answer; ``numbers`` are those of every revision that it needs on the volume.

    A gateway that starts or has stopped serves nothing, though its answer keeps what it served last for its next start.
    """

    serving: Serving | None = None
    refused: Refused | None = None
    numbers: frozenset[int] = frozenset()


def read_answer(data: bytes) -> Answer | None:
    """Read an answer, ignoring unknown fields; None where ``data`` is half an answer or none."""
    try:
        fields = json.loads(data)
        serving, refused = fields.get("serving"), fields.get("refused")
        numbers = {whole(worker["number"]) for worker in fields.get("workers") or ()}
        answer = Answer(
            serving=serving and Serving(whole(serving["number"]), _text(serving["digest"]), _text(serving["since"])),
            refused=refused
            and Refused(
                whole(refused["number"]), _text(refused["digest"]), _text(refused["reason"]), _text(refused["at"])
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    for named in (answer.serving, answer.refused):
        if named is not None and named.number is not None:
            numbers.add(named.number)
    serves = fields.get("state") not in SERVING_NOTHING
    return Answer(answer.serving if serves else None, answer.refused, frozenset(numbers))


def _text(value: object) -> str:
    return legible(str(value))
