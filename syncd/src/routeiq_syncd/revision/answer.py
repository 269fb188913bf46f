"""The gateway's answer, ``answers/gateway.json``: read with tolerance, since another release may have written it."""

import json
from dataclasses import dataclass, replace

from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.revision.manifest import Manifest, whole

LIVE = ("serving", "draining", "")
"""The states in which the gateway serves what it acked."""


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
    """The gateway's answer.

    Attributes:
        acked: the revision that the gateway acked last; it serves the revision now only in the states of `LIVE`.
        refused: the revision that it refused last.
        numbers: those of every revision that it needs on the volume.
        state: ``starting``, ``serving``, ``draining`` or ``stopped``; empty before it wrote an answer, and in an answer
            of a release that does not say.
        note: why it does not serve, or why a revision waits; empty where it has nothing to say.
    """

    acked: Serving | None = None
    refused: Refused | None = None
    numbers: frozenset[int] = frozenset()
    state: str = ""
    note: str = ""

    @property
    def serving(self) -> Serving | None:
        """The revision that clients are answered with now."""
        return self.acked if self.state in LIVE else None

    def refuses(self, revision: Manifest) -> bool:
        """Whether ``revision`` was refused; of a manifest that it cannot read the gateway knows half the digest."""
        refused = self.refused
        if refused is None or not refused.digest or refused.number not in (revision.number, None):
            return False
        return revision.digest.startswith(refused.digest)


def read_answer(data: bytes) -> Answer | None:
    """Read an answer, ignoring unknown fields; None where ``data`` is half an answer or none."""
    try:
        fields = json.loads(data)
        serving, refused = fields.get("serving"), fields.get("refused")
        held = [worker["number"] for worker in fields.get("workers") or ()]
        numbers = {whole(number) for number in held if number is not None}  # a placeholder has no revision
        answer = Answer(
            acked=serving and Serving(whole(serving["number"]), _text(serving["digest"]), _text(serving["since"])),
            refused=refused
            and Refused(
                whole(refused["number"]), _text(refused["digest"]), _text(refused["reason"]), _text(refused["at"])
            ),
            state=_text(fields.get("state") or ""),
            note=_text(fields.get("note") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    for named in (answer.acked, answer.refused):
        if named is not None and named.number is not None:
            numbers.add(named.number)
    return replace(answer, numbers=frozenset(numbers))


def _text(value: object) -> str:
    return legible(str(value))
