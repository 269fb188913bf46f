"""Revisions on a volume, as syncd would write them; for tests that run with the gateway alone."""

import hashlib
import json
from pathlib import Path

from routeiq_gateway.volume.documents import FileEntry, digest_of, directory_name
from routeiq_gateway.volume.volume import Revision


def published(root: Path, number: int, text: bytes, *, link: str = "current") -> Revision:
    """Write a revision to the volume ``root`` as syncd would, and point ``link`` to it."""
    entry = FileEntry("config.yaml", len(text), hashlib.sha256(text).hexdigest())
    digest = digest_of([entry])
    directory = root / "revisions" / directory_name(number, digest)
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_bytes(text)
    manifest = {"format": 1, "number": number, "digest": digest, "files": [vars(entry)]}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (root / "next").symlink_to(directory.relative_to(root))
    (root / "next").replace(root / link)
    return Revision(number, digest, directory)
