"""Pointers: content that is too large for a row is named as one object of a store, at one version.

Where a revision is one object, the row has no payload, and its column ``source`` is the manifest's ``source`` with
``bucket`` and ``key``. Where a revision is a prefix, its manifest has a pointer for each large file, and the row holds
the others. Sizes and digests stand in the manifest, and every replica checks them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

UNVERSIONED = {None, "null"}  # S3's name for the version of an object in a bucket that keeps no versions


@dataclass(frozen=True)
class Pointer:
    """One object at one version.

    S3 names the version by version id, or by etag where the bucket keeps no versions; Google Cloud Storage names it by
    generation, whether the bucket keeps it or not.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str | None
    generation: str | None = None

    @property
    def kind(self) -> str:
        """The kind of the store, as a source names itself."""
        return "s3" if self.generation is None else "gcs"

    @property
    def lasting(self) -> bool:
        """Whether the version is known to be there still after the object was overwritten."""
        return self.version_id not in UNVERSIONED

    @property
    def nameable(self) -> bool:
        """Whether the store gave a name by which it can be asked for this version."""
        return self.lasting or self.etag is not None or self.generation is not None


def write_source(version: Mapping[str, object], pointer: Pointer | None) -> str:
    """Write the column ``source``; ``version`` has the fields of a `manifest.SourceVersion`."""
    place = {} if pointer is None else {"bucket": pointer.bucket, "key": pointer.key}
    return json.dumps({**version, **place})


def read_pointer(source: str) -> Pointer | None:
    """Read the pointer out of the column ``source``, ignoring unknown fields; None where there is no pointer."""
    try:
        fields = json.loads(source)
        pointer = pointer_in(fields)
        return pointer if pointer is not None and pointer.kind == fields["kind"] else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def pointer_in(fields: Mapping[str, object]) -> Pointer | None:
    """Read the pointer that ``fields`` describe, ignoring unknown ones; None where there is none."""
    try:
        place = _place(fields["bucket"]), _place(fields["key"])
        names = (_mark(fields.get(name)) for name in ("version_id", "etag", "generation"))
        pointer = Pointer(*place, *names)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return pointer if pointer.nameable else None


def written(pointer: Pointer) -> dict[str, object]:
    """Return the fields of a pointer as a manifest has them; a generation stands there only where the store has one."""
    fields = vars(pointer)
    return {name: value for name, value in fields.items() if name != "generation" or value is not None}


def encodable(value: object) -> str:
    """Return ``value``, a text that UTF-8 can encode.

    Raises:
        TypeError: ``value`` is no text.
        UnicodeEncodeError: ``value`` holds half a surrogate pair.
    """
    if not isinstance(value, str):
        raise TypeError("not a text")
    value.encode()
    return value


def _place(value: object) -> str:
    """Return ``value``, a name that the address of a request can hold.

    Raises:
        ValueError: ``value`` is no such name.
    """
    if not value:
        raise ValueError("not a name")
    return encodable(value)


def _mark(value: object) -> str | None:
    """Return ``value``, the name of a version that the header of a request can hold; None for none.

    Raises:
        ValueError: ``value`` is no such name.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError("not a version")
    return value
