"""What stands between the source and the desired revision: a pin, or a rollback that passes over what the source holds.

The documents are a column of the database and a file of the volume alike. Unknown fields are ignored.
"""

import json
from dataclasses import dataclass
from typing import Literal

from routeiq_syncd.configuration.legible import legible

Why = Literal["", "pinned", "passed over"]


@dataclass(frozen=True)
class Pin:
    """A pin: only content of ``digest`` is published.

    Attributes:
        number: the revision that was pinned.
        digest: its content.
        note: why, in the operator's words.
        by: who asked for it.
        at: the instant, as `revision.instants.stamp` writes it.
    """

    number: int
    digest: str
    note: str
    by: str
    at: str


@dataclass(frozen=True)
class Waiting:
    """Content of the source that is not published: its digest, what holds it back, and since when."""

    digest: str
    why: str
    since: str


@dataclass(frozen=True)
class Standing:
    """All that an operator said about what may be published.

    Attributes:
        pin: None for none.
        passed: the digest that the newest revision, a rollback, passes over; None where it passes over nothing.
        waiting: what is known to be held back, None for nothing.
    """

    pin: Pin | None = None
    passed: str | None = None
    waiting: Waiting | None = None

    def holds_back(self, digest: str) -> Why:
        """Return why the source's content of ``digest`` is not published, empty where it may be."""
        if self.pin is not None and self.pin.digest != digest:
            return "pinned"
        return "passed over" if self.passed == digest else ""

    @property
    def stands(self) -> bool:
        """Whether anything can be held back."""
        return self.pin is not None or self.passed is not None


FREE = Standing()


def write_record(record: Pin | Waiting | None) -> str | None:
    """Write a pin, or what waits, as JSON; None for none."""
    return None if record is None else json.dumps(vars(record), ensure_ascii=False)


def read_pin(text: str | bytes | None) -> Pin | None:
    """Read a pin; None where there is none that this release can read."""
    fields = _fields(text)
    number, digest = fields.get("number"), fields.get("digest")
    if type(number) is not int or not isinstance(digest, str):
        return None
    return Pin(number, digest, *(legible(str(fields.get(name) or "")) for name in ("note", "by", "at")))


def read_waiting(text: str | bytes | None) -> Waiting | None:
    """Read what waits; None where there is nothing that this release can read."""
    fields = _fields(text)
    if not isinstance(fields.get("digest"), str):
        return None
    return Waiting(*(legible(str(fields.get(name) or "")) for name in ("digest", "why", "since")))


def _fields(text: str | bytes | None) -> dict[str, object]:
    try:
        fields = json.loads(text or "null")
    except (ValueError, RecursionError):
        fields = None
    return fields if isinstance(fields, dict) else {}
