"""The JSON documents on the volume: the manifest (read here) and the gateway's answer (written here, and read back).

Their formats are pinned by the golden files of ``tests/contract``. A reader ignores fields it does not know, so that
two releases can meet on one volume during a rolling upgrade.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from routeiq_gateway.configuration.loading import CONFIG
from routeiq_gateway.configuration.telling.reasons import shorten

FORMAT = 1
MANIFEST = "manifest.json"
ANSWER = "answers/gateway.json"
NAME_DIGITS = 12
"""Characters of the digest in a directory's name."""

Phase = Literal["starting", "serving", "draining", "stopped"]


class BadDocumentError(ValueError):
    """A document on the volume does not follow its format; the message names the field."""


@dataclass(frozen=True)
class FileEntry:
    """One file of a revision: its normalised relative path, its size in bytes, its sha256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a revision holds; ``written_name`` is the name of the configuration's file at the source."""

    number: int
    digest: str
    files: tuple[FileEntry, ...]
    written_name: str


@dataclass(frozen=True)
class Served:
    """A revision that the gateway acked; ``since`` is RFC 3339 in UTC."""

    number: int
    digest: str
    since: str


@dataclass(frozen=True)
class Refused:
    """A revision that the gateway nacked; the reason holds no secret, ``at`` is RFC 3339 in UTC."""

    number: int
    digest: str
    reason: str
    at: str


@dataclass(frozen=True)
class WorkerEntry:
    """One worker process and the number of its revision (None: it runs the placeholder)."""

    pid: int
    number: int | None
    state: Literal["starting", "ready", "draining"]


@dataclass(frozen=True)
class Answer:
    """What the gateway serves, what it refused, and the workers it has.

    Attributes:
        serving: the revision acked last; it is served in the states ``serving`` and ``draining`` alone.
        note: why the gateway does not serve, or why a revision waits; without secrets.
    """

    instance: str
    pid: int
    state: Phase
    serving: Served | None
    refused: Refused | None
    workers: tuple[WorkerEntry, ...]
    updated_at: str
    note: str = ""


def digest_of(files: Iterable[FileEntry]) -> str:
    """Return the digest of a revision: hex sha256 over path, size and sha256 of each file, in byte order of path."""
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
        BadDocumentError: not JSON, a newer format, a missing field, or a digest that its file list does not give.
    """
    fields = _object(text, MANIFEST)
    try:
        files = [FileEntry(str(file["path"]), int(file["size"]), str(file["sha256"])) for file in fields["files"]]
        location = str(fields.get("source", {}).get("location") or CONFIG)
        manifest = Manifest(int(fields["number"]), str(fields["digest"]), tuple(files), location.rpartition("/")[2])
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadDocumentError(f"{MANIFEST}: field missing or of the wrong type: {error}") from error
    computed = digest_of(manifest.files)
    if computed != manifest.digest:
        raise BadDocumentError(
            f"{MANIFEST}: the digest {manifest.digest[:NAME_DIGITS]} is not that of its file list"
            f" ({computed[:NAME_DIGITS]}); the revision is damaged"
        )
    return manifest


def parse_answer(text: bytes) -> tuple[Served | None, Refused | None]:
    """Read what an earlier answer says is served and refused; both outlive the gateway that wrote it.

    Raises:
        BadDocumentError: not JSON, a newer format, or a field of the wrong type.
    """
    fields = _object(text, ANSWER)
    served = refused = None
    try:
        if serving := fields.get("serving"):
            served = Served(int(serving["number"]), str(serving["digest"]), str(serving["since"]))
        if refusal := fields.get("refused"):
            number, digest, reason = int(refusal["number"]), str(refusal["digest"]), shorten(str(refusal["reason"]))
            refused = Refused(number, digest, reason, str(refusal["at"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadDocumentError(f"{ANSWER}: field missing or of the wrong type: {error}") from error
    if served is not None and not served.digest.isalnum():  # it becomes part of a path
        raise BadDocumentError(f"{ANSWER}: the digest {served.digest!r} has more than letters and digits")
    return served, refused


def encode_answer(answer: Answer) -> bytes:
    """Return ``answer`` as JSON that ends in a newline."""
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
        "note": answer.note,
    }


def _object(text: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object of the document ``name``.

    Raises:
        BadDocumentError: not a JSON object, or of a format that this release does not know.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDocumentError(f"{name}: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadDocumentError(f"{name}: expected an object, found {type(fields).__name__}")
    if not isinstance(fields.get("format"), int) or fields["format"] > FORMAT:
        raise BadDocumentError(
            f"{name}: format {fields.get('format')!r}, this gateway reads up to {FORMAT}; upgrade the gateway"
        )
    return fields
