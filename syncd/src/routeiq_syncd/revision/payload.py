"""A bundle as one row of the database holds it: the bytes of the files in the manifest's order, compressed.

Format: one capital letter for the form (``Z``: zlib, RFC 1950), then the data. Sizes and names stand in the manifest,
so that unpacking knows how many bytes may come out, and every byte is checked against a digest.
"""

import zlib
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bundle, make_bundle
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import MOST_ROW_BYTES

PLAIN = b"Z"
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


def pack(bundle: Bundle) -> bytes:
    """Return the bundle's bytes for the row."""
    deflate = zlib.compressobj(LEVEL)
    parts = [deflate.compress(bundle.files[entry.path]) for entry in bundle.entries]
    return b"".join((PLAIN, *parts, deflate.flush()))


def unpack(payload: bytes, manifest: Manifest) -> Bundle | Unreadable:
    """Return the bundle that ``manifest`` describes, or why the payload is not that bundle."""
    if payload[:1] != PLAIN and payload[:1].isupper():  # every form is a letter; anything else is damage
        reason = f"Revision {manifest.number} is stored in a form that this release does not read; upgrade syncd."
        return Unreadable(reason, lost=False)
    size = sum(entry.size for entry in manifest.files)
    if size > MOST_ROW_BYTES:  # a few bytes can unfold to any number
        claim = f"says that its row holds {size} bytes, and at most {MOST_ROW_BYTES} can be read by this release"
        return Unreadable(f"Revision {manifest.number} {claim}; publish another one, or upgrade syncd.", lost=False)
    inflate = zlib.decompressobj()
    try:
        data = inflate.decompress(payload[1:], size + 1) if payload[:1] == PLAIN else b""
    except zlib.error:
        data = b""
    if len(data) == size:
        files, at = {}, 0
        for entry in manifest.files:
            files[entry.path] = data[at : at + entry.size]
            at += entry.size
        bundle = make_bundle(files)
        if bundle.digest == manifest.digest:
            return bundle
    reason = f"Revision {manifest.number} in the database does not have the content that its digest names."
    return Unreadable(reason, lost=True)
