"""A tree of `revisions/`: writing it, its manifest, and whether each file is what the manifest says."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from routeiq_syncd.configuration.bundle import MANIFEST, Bundle, make_partial
from routeiq_syncd.revision.manifest import MANIFEST_BYTES, Manifest, number_in, read_manifest
from routeiq_syncd.volume.atomic import flush_directory, read_file, write_file
from routeiq_syncd.volume.shelf import Shelf

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
            descriptor = os.open(tree / entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            with open(descriptor, "rb") as file:  # noqa: PTH123 - takes over a descriptor
                size = os.fstat(descriptor).st_size
                sha256 = hashlib.file_digest(file, "sha256").hexdigest() if size == entry.size else None
        except ABSENT:
            return False
        except OSError:
            continue
        if sha256 != entry.sha256:
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

    Files that have an origin are large, and stay where they are: the shelf checks them as it lays them.

    Raises:
        OSError: a file cannot be read now.
    """
    held = [entry for entry in manifest.files if entry.path not in manifest.origins]
    try:
        files = {entry.path: read_file(tree / entry.path, entry.size) for entry in held}
        shelved = [(tree / path).stat().st_size for path in manifest.origins]
    except ABSENT:
        return None
    whole = all(hashlib.sha256(files[entry.path]).hexdigest() == entry.sha256 for entry in held)
    sizes = {entry.path: entry.size for entry in manifest.files}
    if not whole or shelved != [sizes[path] for path in manifest.origins]:
        return None
    return make_partial(manifest.files, files)


def write_tree(tree: Path, bundle: Bundle, manifest: bytes, shelf: Shelf, checkpoint: Callable[[str], None]) -> None:
    """Write a tree and make it durable.

    Args:
        tree: the directory, which does not exist yet.
        bundle: the files; those that are not in memory are on ``shelf``.
        manifest: as it is written.
        shelf: of the same volume.
        checkpoint: called with the name of each step that is done.

    Raises:
        OSError: the disk is full or faulty, or the shelf lacks a file.
    """
    tree.mkdir(mode=0o750)
    checkpoint("tree made")
    directories = {tree}
    shelved = [entry for entry in bundle.entries if entry.path not in bundle.files]
    for path in (*bundle.files, *(entry.path for entry in shelved)):
        parent = (tree / path).parent
        parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        directories.update(above for above in (tree / path).parents if above.is_relative_to(tree))
    for path, data in bundle.files.items():
        write_file(tree / path, data)
        checkpoint(f"file {path} written")
    for entry in shelved:
        shelf.lay(entry, tree / entry.path)
        checkpoint(f"file {entry.path} written")
    write_file(tree / MANIFEST, manifest)
    checkpoint("manifest written")
    for directory in sorted(directories, reverse=True):
        flush_directory(directory)
    checkpoint("tree synced")
