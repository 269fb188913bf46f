"""The documents that cross the volume: the manifest (read) and the answer (written).

Formats are pinned by the golden files of ``tests/contract``. A reader ignores fields it does not know, so that
two releases can meet on one volume during a rolling upgrade.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from routeiq_gateway.configuration.reasons import shorten

FORMAT = 1
NAME_DIGITS = 12

State = Literal["starting", "serving", "draining", "stopped"]


class BadDocumentError(ValueError):
    """A document of the volume is not what its format says; the message names the field."""


@dataclass(frozen=True)
class FileEntry:
    """One file of a revision: normalised relative path, size in bytes, hex sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a revision holds."""

    number: int
    digest: str
    files: tuple[FileEntry, ...]


@dataclass(frozen=True)
class Served:
    """A revision that the gateway acked, and since when."""

    number: int
    digest: str
    since: str


@dataclass(frozen=True)
class Refused:
    """A revision that the gateway nacked, why (no secret in it), and when."""

    number: int
    digest: str
    reason: str
    at: str


@dataclass(frozen=True)
class WorkerEntry:
    """One worker process and the revision it is on (None: it waits for a first one)."""

    pid: int
    number: int | None
    state: Literal["starting", "ready", "draining"]


@dataclass(frozen=True)
class Answer:
    """The gateway's word on what it serves and what it refused."""

    instance: str
    pid: int
    state: State
    serving: Served | None
    refused: Refused | None
    workers: tuple[WorkerEntry, ...]
    updated_at: str


def digest_of(files: Iterable[FileEntry]) -> str:
    """Return the hex sha256 that names a bundle: over path, size and sha256 of each file in byte order of path."""
    total = hashlib.sha256()
    for entry in sorted(files, key=lambda entry: entry.path.encode()):
        total.update(f"{entry.path}\0{entry.size}\0{entry.sha256}\n".encode())
    return total.hexdigest()


def directory_name(number: int, digest: str) -> str:
    """Return the name of a revision's directory, such as ``000042-3f9c1a7be2d0``."""
    return f"{number:06d}-{digest[:NAME_DIGITS]}"


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BadDocumentError: not JSON, a newer format, a missing field, or a digest its own list does not give.
    """
    document = _object(text, "manifest.json")
    try:
        manifest = Manifest(
            number=int(document["number"]),
            digest=str(document["digest"]),
            files=tuple(
                FileEntry(str(entry["path"]), int(entry["size"]), str(entry["sha256"])) for entry in document["files"]
            ),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadDocumentError(f"manifest.json: field missing or of the wrong type: {error}") from error
    computed = digest_of(manifest.files)
    if computed != manifest.digest:
        raise BadDocumentError(
            f"manifest.json: the digest {manifest.digest[:NAME_DIGITS]} is not that of its file list"
            f" ({computed[:NAME_DIGITS]}); the revision is damaged"
        )
    return manifest


def parse_answer(text: bytes) -> tuple[Served | None, Refused | None]:
    """Read the verdicts out of an earlier answer; they outlive the gateway that gave them.

    Raises:
        BadDocumentError: not JSON, a newer format, or a field of the wrong type.
    """
    document = _object(text, "answers/gateway.json")
    try:
        serving, refused = document.get("serving"), document.get("refused")
        return (
            Served(int(serving["number"]), _digest(serving), str(serving["since"])) if serving else None,
            Refused(int(refused["number"]), str(refused["digest"]), shorten(str(refused["reason"])), str(refused["at"]))
            if refused
            else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadDocumentError(f"answers/gateway.json: field missing or of the wrong type: {error}") from error


def encode_answer(answer: Answer) -> bytes:
    """Return the JSON of ``answer``, one document, ending in a newline."""
    return json.dumps({"format": FORMAT, **answer_fields(answer)}, indent=1).encode() + b"\n"


def answer_fields(answer: Answer) -> dict[str, Any]:
    """Return ``answer`` as plain JSON values."""
    served, refused = answer.serving, answer.refused
    return {
        "instance": answer.instance,
        "pid": answer.pid,
        "state": answer.state,
        "serving": vars(served).copy() if served else None,
        "refused": vars(refused).copy() if refused else None,
        "workers": [vars(worker).copy() for worker in answer.workers],
        "updated_at": answer.updated_at,
    }


def _digest(document: dict[str, Any]) -> str:
    """Return the digest of what was served: it names a directory to fall back on."""
    digest = str(document["digest"])
    if not digest.isalnum():
        raise ValueError("a digest has letters and digits only")
    return digest


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDocumentError(f"{name}: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadDocumentError(f"{name}: expected an object, found {type(document).__name__}")
    if not isinstance(document.get("format"), int) or document["format"] > FORMAT:
        raise BadDocumentError(
            f"{name}: format {document.get('format')!r}, this gateway reads up to {FORMAT}; upgrade the gateway"
        )
    return document
