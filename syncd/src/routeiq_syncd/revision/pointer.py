"""Pointers: a revision that is too large for its row names one object of a store, at one version, as its content.

The row then has no payload, and its column ``source`` is the manifest's ``source`` with ``bucket`` and ``key``. Sizes
and digests stand in the manifest, and every replica checks them.
"""

import json
from dataclasses import dataclass

from routeiq_syncd.revision.manifest import SourceVersion, encodable

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


def write_source(version: SourceVersion, pointer: Pointer | None) -> str:
    """Write the column ``source``."""
    place = {} if pointer is None else {"bucket": pointer.bucket, "key": pointer.key}
    return json.dumps({**vars(version), **place})


def read_pointer(source: str) -> Pointer | None:
    """Read the pointer out of the column ``source``, ignoring unknown fields; None where there is no pointer."""
    try:
        fields = json.loads(source)
        place = _place(fields["bucket"]), _place(fields["key"])
        names = (_mark(fields.get(name)) for name in ("version_id", "etag", "generation"))
        pointer = Pointer(*place, *names)
        return pointer if pointer.nameable and pointer.kind == fields["kind"] else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


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
