"""Payloads unfold within bounds."""

import zlib

import pytest

from routeiq_syncd.configuration.bundle import Bundle, Entry, make_bundle
from routeiq_syncd.revision.manifest import Manifest, read_manifest
from routeiq_syncd.revision.payload import Unreadable, pack, unpack
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


@pytest.mark.parametrize(
    ("payload", "lost"),
    [
        (b"", True),
        (b"Z", True),
        (b"Zgarbage", True),
        (b"Z" + zlib.compress(b"other"), True),
        (b"\xc8" + zlib.compress(b"a"), True),
        (b"\0", True),
        (b"Y of a newer release", False),
    ],
)
def test_damage_is_told_from_a_form_of_a_newer_release(payload: bytes, *, lost: bool) -> None:
    """What no release reads is worth publishing anew; what a newer one wrote is not for an older one to replace."""
    bundle = make_bundle({"config.yaml": b"a"})
    unread = unpack(payload, read(*bundle.entries))
    assert isinstance(unread, Unreadable)
    assert unread.lost is lost


def test_every_payload_that_was_cut_or_changed_is_lost() -> None:
    """Whichever byte: the digest of the content is checked."""
    bundle = make_bundle({"config.yaml": b"model_list: []\n", "more.yaml": bytes(300)})
    manifest, whole = read(*bundle.entries), pack(bundle)
    for at in range(1, len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        for damaged in (whole[:at], changed):
            unread = unpack(damaged, manifest)
            assert unread == bundle or (isinstance(unread, Unreadable) and unread.lost)
