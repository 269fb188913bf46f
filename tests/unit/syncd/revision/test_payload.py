"""Payloads unfold within bounds."""

import zlib

from routeiq_syncd.configuration.bundle import Bundle, Entry, make_bundle
from routeiq_syncd.revision.manifest import Manifest, read_manifest
from routeiq_syncd.revision.payload import pack, unpack
from routeiq_syncd.revision.plan import MOST_ROW_BYTES
from tests.support.manifests import manifest_of


def read(*entries: Entry) -> Manifest:
    """A manifest that is sound."""
    manifest = read_manifest(manifest_of(*entries))
    assert manifest is not None
    return manifest


def test_a_payload_unfolds_no_further_than_a_row_holds() -> None:
    """A few bytes that say they are many are not unpacked."""
    size = MOST_ROW_BYTES + 1
    bomb = b"Z" + zlib.compress(bytes(size), 9)
    assert len(bomb) < size / 1000
    manifest = read(*make_bundle({"config.yaml": bytes(size)}).entries)
    assert f"at most {MOST_ROW_BYTES} can be read by this release" in str(unpack(bomb, manifest))
    bundle = make_bundle({"config.yaml": bytes(MOST_ROW_BYTES)})
    assert isinstance(unpack(pack(bundle), read(*bundle.entries)), Bundle)
