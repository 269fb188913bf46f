"""Revisions and their manifest, as both sides of the volume read and write it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from routeiq_syncd.configuration.bundle import MOST_FILE_BYTES, MOST_FILES, Bounds, Entry, digest_of, fit_together
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.pointer import Pointer, encodable, pointer_in, written

FORMAT = 1
MANIFEST_BYTES = 4 * 1024 * 1024
MOST_NUMBER = 10**18 - 1  # of a revision or an epoch: a bigint holds it, and the gap to the next one
BOUNDS = Bounds(file_bytes=MOST_FILE_BYTES, bundle_bytes=MOST_FILE_BYTES, files=MOST_FILES)
"""What no setting exceeds."""
DIGEST = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"(?P<number>[0-9]{6,18})-(?P<digest>[0-9a-f]{12})")


@dataclass(frozen=True)
class SourceVersion:
    """Where a bundle came from, and which version it is of.

    Attributes:
        kind: of the source, ``file``, ``s3`` or ``gcs``.
        location: for people; without credentials.
        version_id, generation, etag: the source's own names of the version, None where the source has none.
    """

    kind: str
    location: str
    version_id: str | None = None
    generation: str | None = None
    etag: str | None = None


@dataclass(frozen=True)
class Publisher:
    """Who made the revision: a holder under an epoch, which is 0 where no lease exists."""

    holder_id: str
    epoch: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a revision is.

    Attributes:
        created_at: an instant as `instants.stamp` writes it.
        origins: where each replica fetches the files that the row does not hold, by path.
    """

    number: int
    digest: str
    files: tuple[Entry, ...]
    source: SourceVersion
    publisher: Publisher
    created_at: str
    origins: Mapping[str, Pointer] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The revision's directory under ``revisions/``."""
        return f"{self.number:06d}-{self.digest[:12]}"


def make_manifest(
    number: int,
    entries: tuple[Entry, ...],
    source: SourceVersion,
    publisher: Publisher,
    now: datetime,
    *,
    origins: Mapping[str, Pointer] | None = None,
) -> Manifest:
    """Build the manifest of revision ``number``."""
    return Manifest(number, digest_of(entries), entries, source, publisher, stamp(now), origins or {})


def number_in(name: str) -> int | None:
    """Return the number in a revision's directory name, None for any other name."""
    found = NAME.fullmatch(name)
    return int(found["number"]) if found else None


def write_manifest(manifest: Manifest) -> bytes:
    """Write the manifest as JSON, a trailing newline included."""
    source = manifest.source
    fields = {
        "format": FORMAT,
        "number": manifest.number,
        "digest": manifest.digest,
        "files": [vars(entry) for entry in manifest.files],
        "source": {
            "kind": source.kind,
            "location": source.location,
            "version_id": source.version_id,
            "generation": source.generation,
            "etag": source.etag,
        },
        "publisher": vars(manifest.publisher),
        "created_at": manifest.created_at,
        **(
            {"origins": {path: written(origin) for path, origin in manifest.origins.items()}}
            if manifest.origins
            else {}
        ),
    }
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(data: bytes) -> Manifest | None:
    """Read a manifest, ignoring unknown fields.

    None where ``data`` is no manifest, contradicts itself, exceeds the bounds, or names files that no tree can hold
    together: whoever writes the database can write anything.
    """
    if len(data) > MANIFEST_BYTES:
        return None
    try:
        fields = json.loads(data)
        files = tuple(
            Entry(encodable(file["path"]), whole(file["size"], BOUNDS.file_bytes), _digest(file["sha256"]))
            for file in fields["files"]
        )
        source, publisher = fields["source"], fields["publisher"]
        manifest = Manifest(
            number=whole(fields["number"]),
            digest=_digest(fields["digest"]),
            files=files,
            source=SourceVersion(
                kind=encodable(source["kind"]),
                location=encodable(source["location"]),
                version_id=_text_or_none(source.get("version_id")),
                generation=_text_or_none(source.get("generation")),
                etag=_text_or_none(source.get("etag")),
            ),
            publisher=Publisher(encodable(publisher["holder_id"]), whole(publisher.get("epoch", 0))),
            created_at=encodable(fields["created_at"]),
            origins={path: _origin(origin) for path, origin in fields.get("origins", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    bounded = len(files) <= BOUNDS.files and sum(entry.size for entry in files) <= BOUNDS.bundle_bytes
    paths = [entry.path for entry in files]
    sound = bounded and fit_together(paths) and manifest.digest == digest_of(files)
    return manifest if sound and manifest.origins.keys() <= set(paths) else None


def newer(data: bytes) -> bool:
    """Whether ``data`` is a manifest in a format that only a newer release reads."""
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        return False
    form = fields.get("format") if isinstance(fields, dict) else None
    return isinstance(form, int) and form > FORMAT


def whole(value: object, most: int = MOST_NUMBER) -> int:
    """Return ``value``, a whole number from 0 to ``most``; Python's truth values are not taken for numbers.

    Raises:
        ValueError: ``value`` is something else.
    """
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("not a whole number in its range")
    return value


def _origin(fields: dict[str, object]) -> Pointer:
    """Return the pointer that ``fields`` describe.

    Raises:
        ValueError: they describe none that can be followed.
    """
    pointer = pointer_in(fields)
    if pointer is None:
        raise ValueError("not a pointer")
    return pointer


def _text_or_none(value: object) -> str | None:
    return None if value is None else encodable(value)


def _digest(value: object) -> str:
    text = encodable(value)
    if DIGEST.fullmatch(text) is None:
        raise ValueError("not a digest")
    return text
