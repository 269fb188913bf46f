"""Reading a tree of `revisions/`: its manifest, and whether each file is what the manifest says."""

import hashlib
import os
from pathlib import Path

from routeiq_syncd.configuration.bundle import MANIFEST
from routeiq_syncd.revision.manifest import MANIFEST_BYTES, Manifest, read_manifest


def read_file(path: Path, limit: int) -> bytes | None:
    """Return up to ``limit`` + 1 bytes of a file; None where there is no file to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - takes over a descriptor
            return file.read(limit + 1)
    except OSError:
        return None


def manifest_of(tree: Path) -> Manifest | None:
    """Return the manifest of a tree; None where there is none, or the tree's name is another revision's."""
    data = read_file(tree / MANIFEST, MANIFEST_BYTES)
    manifest = None if data is None else read_manifest(data)
    return manifest if manifest is not None and manifest.name == tree.name else None


def intact(tree: Path, manifest: Manifest) -> bool:
    """Whether every file is what the manifest says."""
    for entry in manifest.files:
        data = read_file(tree / entry.path, entry.size)
        if data is None or len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            return False
    return True
