"""A revision on a volume, for tests of the gateway's own modules."""

import hashlib
import json
from pathlib import Path

from routeiq_gateway.volume.documents import FileEntry, digest_of, directory_name
from routeiq_gateway.volume.volume import Revision


def revision(root: Path, number: int, text: bytes) -> Revision:
    """Write a revision as syncd would."""
    entry = FileEntry("config.yaml", len(text), hashlib.sha256(text).hexdigest())
    digest = digest_of([entry])
    directory = root / "revisions" / directory_name(number, digest)
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_bytes(text)
    (directory / "other.txt").write_text("beside")
    manifest = {"format": 1, "number": number, "digest": digest, "files": [vars(entry)]}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return Revision(number, digest, directory)
