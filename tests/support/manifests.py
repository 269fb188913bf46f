"""Manifests as anybody could write them who writes the database."""

import json

from routeiq_syncd.configuration.bundle import Entry, digest_of

EMPTY = "0" * 64


def manifest_of(*entries: Entry, **fields: object) -> bytes:
    """A manifest with these files and the digest that belongs to them; ``fields`` over the others."""
    document = {
        "format": 1,
        "number": 1,
        "digest": digest_of(entries),
        "files": [vars(entry) for entry in entries],
        "source": {"kind": "s3", "location": "x"},
        "publisher": {"holder_id": "h", "epoch": 1},
        "created_at": "x",
    }
    return json.dumps(document | fields).encode()


def files(*paths: str) -> tuple[Entry, ...]:
    """Empty files."""
    return tuple(Entry(path, 0, EMPTY) for path in paths)
