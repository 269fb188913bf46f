"""A bundle as one row of the database holds it: the bytes of the files in the manifest's order, compressed.

Format: one capital letter for the form, then the data by zlib (RFC 1950): ``Z`` for all files, ``P`` for the part of
them that the manifest names no origin of. Sizes and names stand in the manifest,
so that unpacking knows how many bytes may come out, and every byte is checked against a digest.
"""

import hashlib
import zlib
from collections.abc import Collection
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bundle, make_partial
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import MOST_ROW_BYTES

PLAIN, PART = b"Z", b"P"
FORMS = (PLAIN, PART)
LEVEL = 6


@dataclass(frozen=True)
class Unreadable:
    """A revision that cannot be read.

    Attributes:
        reason: why; a sentence.
        lost: no key of this replica and no newer release reads it, so that only publishing its content anew helps.
    """

    reason: str
    lost: bool


def pack(bundle: Bundle, pointed: Collection[str] = ()) -> bytes:
    """Return the bundle's bytes for the row; ``pointed`` are the paths that each replica fetches by itself."""
    deflate = zlib.compressobj(LEVEL)
    parts = [deflate.compress(bundle.files[entry.path]) for entry in bundle.entries if entry.path not in pointed]
    return b"".join((PART if pointed else PLAIN, *parts, deflate.flush()))


def unpack(payload: bytes, manifest: Manifest) -> Bundle | Unreadable:
    """Return the bundle that ``manifest`` describes, or why the payload is not that bundle.

    Files that the manifest names the origin of are not in the payload, and not in memory.
    """
    if payload[:1] not in FORMS and payload[:1].isupper():  # every form is a letter; anything else is damage
        reason = f"Revision {manifest.number} is stored in a form that this release does not read; upgrade syncd."
        return Unreadable(reason, lost=False)
    held = [entry for entry in manifest.files if entry.path not in manifest.origins]
    form = PART if manifest.origins else PLAIN
    size = sum(entry.size for entry in held)
    if size > MOST_ROW_BYTES:  # a few bytes can unfold to any number
        claim = f"says that its row holds {size} bytes, and at most {MOST_ROW_BYTES} can be read by this release"
        return Unreadable(f"Revision {manifest.number} {claim}; publish another one, or upgrade syncd.", lost=False)
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(payload[1:], size + 1) if payload[:1] == form else None
    except zlib.error:
        data = None
    if data is not None and len(data) == size:
        files, at = {}, 0
        for entry in held:
            files[entry.path] = data[at : at + entry.size]
            at += entry.size
        if all(hashlib.sha256(files[entry.path]).hexdigest() == entry.sha256 for entry in held):
            return make_partial(manifest.files, files)
    reason = f"Revision {manifest.number} in the database does not have the content that its digest names."
    return Unreadable(reason, lost=True)
