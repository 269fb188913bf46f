"""Reading a tree of `revisions/`: its manifest, and whether each file is what the manifest says."""

import hashlib
from pathlib import Path

from routeiq_syncd.configuration.bundle import MANIFEST
from routeiq_syncd.revision.manifest import MANIFEST_BYTES, Manifest, read_manifest
from routeiq_syncd.volume.atomic import read_file

ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
"""What says that a file is not there. No descriptor, no memory or a disk that is away says nothing against a file."""


def manifest_of(tree: Path) -> Manifest | None:
    """Return the manifest of a tree; None where there is none, or the tree's name is another revision's.

    Raises:
        OSError: the manifest cannot be read now.
    """
    try:
        manifest = read_manifest(read_file(tree / MANIFEST, MANIFEST_BYTES))
    except ABSENT:
        return None
    return manifest if manifest is not None and manifest.name == tree.name else None


def intact(tree: Path, manifest: Manifest) -> bool:
    """Return whether no file of ``manifest`` is missing in ``tree`` or is another, as far as they can be read now."""
    for entry in manifest.files:
        try:
            data = read_file(tree / entry.path, entry.size)
        except ABSENT:
            return False
        except OSError:
            continue
        if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            return False
    return True
