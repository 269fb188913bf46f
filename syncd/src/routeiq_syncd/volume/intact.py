"""Whether a tree on the volume is the revision that its manifest says."""

import hashlib
from pathlib import Path

from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.volume.atomic import read_file


def intact(tree: Path, manifest: Manifest) -> bool:
    """Return whether no file of ``manifest`` is missing in ``tree`` or is another, as far as they can be read now."""
    for entry in manifest.files:
        try:
            data = read_file(tree / entry.path, entry.size)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            return False
        except OSError:  # no descriptor, or a disk that is away, says nothing against the file
            continue
        if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            return False
    return True
