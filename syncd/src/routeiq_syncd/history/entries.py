"""The entries of the history that a volume keeps in single mode: how each revision came to be, who asked, and why."""

import json
import re
from dataclasses import dataclass

from routeiq_syncd.configuration.legible import legible

FORMAT = 1
ENTRY_BYTES = 64 * 1024
NAME = re.compile(r"(?P<number>[0-9]{6,18})\.json")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """An entry.

    Attributes:
        number: of the revision.
        digest: its content.
        action: ``publish`` for what came from the source, else ``rollback`` or ``pin``.
        restores: the revision whose content it has, None for what came from the source.
        note: why, in the words of who asked.
        by: who asked; empty for what came from the source.
        at: the instant, as `revision.instants.stamp` writes it.
        source: where the content came from, for people.
        passes_over: the digest of what the source held when the rollback went back behind it; None where the source has
            held something else since.
    """

    number: int
    digest: str
    action: str
    restores: int | None
    note: str
    by: str
    at: str
    source: str
    passes_over: str | None = None

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.number:06d}.json"


def write_entry(entry: Entry) -> bytes:
    """Write an entry as JSON, a trailing newline included."""
    return (json.dumps({"format": FORMAT, **vars(entry)}, indent=1, ensure_ascii=False) + "\n").encode()


def read_entry(data: bytes) -> Entry | None:
    """Read an entry, ignoring unknown fields; None where ``data`` is none."""
    try:
        fields = json.loads(data)
        number, digest, restores = fields["number"], fields["digest"], fields.get("restores")
        passed = fields.get("passes_over")
        texts = {name: legible(str(fields.get(name) or "")) for name in ("action", "note", "by", "at", "source")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if type(number) is not int or number < 1 or type(restores) not in {int, type(None)}:
        return None
    if any(not isinstance(text, str) or not DIGEST.fullmatch(text) for text in (digest, passed or digest)):
        return None
    return Entry(number=number, digest=digest, restores=restores, passes_over=passed, **texts)


def number_of(file: str) -> int | None:
    """Return the number of the revision whose entry a file is, None for any other file."""
    found = NAME.fullmatch(file)
    return int(found["number"]) if found else None
