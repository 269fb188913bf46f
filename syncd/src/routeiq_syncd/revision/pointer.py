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
    """One object at one version, named by version id, or by etag where the bucket keeps no versions."""

    bucket: str
    key: str
    version_id: str | None
    etag: str | None

    @property
    def lasting(self) -> bool:
        """Whether the version is still there after the object was overwritten."""
        return self.version_id not in UNVERSIONED


def write_source(version: SourceVersion, pointer: Pointer | None) -> str:
    """Write the column ``source``."""
    place = {} if pointer is None else {"bucket": pointer.bucket, "key": pointer.key}
    return json.dumps({**vars(version), **place})


def read_pointer(source: str) -> Pointer | None:
    """Read the pointer out of the column ``source``, ignoring unknown fields; None where there is no pointer."""
    try:
        fields = json.loads(source)
        if fields["kind"] != "s3":
            return None
        place = _place(fields["bucket"]), _place(fields["key"])
        pointer = Pointer(*place, _mark(fields.get("version_id")), _mark(fields.get("etag")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return pointer if pointer.lasting or pointer.etag else None


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
