"""Revisions and their manifest, as both sides of the volume read and write it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from routeiq_syncd.core.bundle import Entry, digest_of, inside
from routeiq_syncd.core.instants import stamp

FORMAT = 1
NAME = re.compile(r"(?P<number>[0-9]{6,18})-(?P<digest>[0-9a-f]{12})")


@dataclass(frozen=True)
class SourceVersion:
    """Where a bundle came from and which version of it: kind ``file`` or ``s3``; what a source lacks is None."""

    kind: str
    location: str
    version_id: str | None = None
    generation: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class Publisher:
    """Who made the revision; epoch 0 where no lease exists."""

    holder_id: str
    epoch: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a revision is. ``created_at`` is an instant as written (`core.instants`)."""

    number: int
    digest: str
    files: tuple[Entry, ...]
    source: SourceVersion
    publisher: Publisher
    created_at: str

    @property
    def name(self) -> str:
        """The revision's directory under ``revisions/``."""
        return f"{self.number:06d}-{self.digest[:12]}"


def make_manifest(
    number: int, entries: tuple[Entry, ...], source: SourceVersion, publisher: Publisher, now: datetime
) -> Manifest:
    """Build the manifest of revision ``number``."""
    return Manifest(number, digest_of(entries), entries, source, publisher, stamp(now))


def number_in(name: str) -> int | None:
    """Return the number in a revision's directory name, None for any other name."""
    found = NAME.fullmatch(name)
    return int(found["number"]) if found else None


def write_manifest(manifest: Manifest) -> bytes:
    """Write the manifest as JSON, a trailing newline included."""
    source, publisher = manifest.source, manifest.publisher
    document = {
        "format": FORMAT,
        "number": manifest.number,
        "digest": manifest.digest,
        "files": [{"path": entry.path, "size": entry.size, "sha256": entry.sha256} for entry in manifest.files],
        "source": {
            "kind": source.kind,
            "location": source.location,
            "version_id": source.version_id,
            "generation": source.generation,
            "etag": source.etag,
        },
        "publisher": {"holder_id": publisher.holder_id, "epoch": publisher.epoch},
        "created_at": manifest.created_at,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(data: bytes) -> Manifest | None:
    """Read a manifest, ignoring fields it does not know; None where it is not one, or contradicts itself."""
    try:
        document = json.loads(data)
        files = tuple(Entry(str(file["path"]), int(file["size"]), str(file["sha256"])) for file in document["files"])
        source, publisher = document["source"], document["publisher"]
        manifest = Manifest(
            number=int(document["number"]),
            digest=str(document["digest"]),
            files=files,
            source=SourceVersion(
                kind=str(source["kind"]),
                location=str(source["location"]),
                version_id=_text(source, "version_id"),
                generation=_text(source, "generation"),
                etag=_text(source, "etag"),
            ),
            publisher=Publisher(str(publisher["holder_id"]), int(publisher.get("epoch", 0))),
            created_at=str(document["created_at"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    sound = manifest.digest == digest_of(files) and all(inside(entry.path) == entry.path for entry in files)
    return manifest if sound else None


def _text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    return None if value is None else str(value)
