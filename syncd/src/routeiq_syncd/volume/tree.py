"""Reading a tree of `revisions/`: its manifest, and whether each file is what the manifest says."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from routeiq_syncd.configuration.bundle import MANIFEST, Bundle, make_bundle
from routeiq_syncd.revision.manifest import MANIFEST_BYTES, Manifest, number_in, read_manifest
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


def trees(revisions: Path) -> Iterator[Manifest]:
    """Yield the manifest of each tree under ``revisions``.

    Raises:
        OSError: the trees cannot be read now.
    """
    for path in revisions.iterdir():
        manifest = manifest_of(path) if number_in(path.name) is not None else None
        if manifest is not None:
            yield manifest


def numbered(revisions: Path, number: int) -> Manifest | None:
    """Return the manifest of revision ``number`` under ``revisions``, None where there is no tree of it.

    Raises:
        OSError: the trees cannot be read now.
    """
    return next((manifest for manifest in trees(revisions) if manifest.number == number), None)


def bundle_of(tree: Path, manifest: Manifest) -> Bundle | None:
    """Return the files of a tree; None where one is missing or is not what ``manifest`` says.

    Raises:
        OSError: a file cannot be read now.
    """
    try:
        files = {entry.path: read_file(tree / entry.path, entry.size) for entry in manifest.files}
    except ABSENT:
        return None
    bundle = make_bundle(files)
    return bundle if bundle.digest == manifest.digest else None
