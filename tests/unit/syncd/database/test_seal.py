"""What a seal that does not open says of the revision."""

import pytest

from routeiq_syncd.database.seal import Ring, context_of
from routeiq_syncd.revision.payload import Unreadable
from tests.support.snapshots import manifest

OLD, NEW = b"o" * 32, b"n" * 32
MANIFEST = manifest(7)
CONTEXT = context_of("config_sync", MANIFEST.digest)
SEALED = Ring((OLD,)).close(b"payload", CONTEXT)


@pytest.mark.parametrize(
    ("keys", "sealed", "lost"),
    [
        ((NEW,), SEALED, True),  # the key is gone: only publishing anew helps
        ((), SEALED, False),  # what was sealed must not be stored in the clear by a replica that lacks its key
        ((OLD,), SEALED[:-1], True),
        ((NEW, OLD), SEALED[:20], True),
        ((OLD,), b"E", True),
        ((), b"E", False),
    ],
    ids=["another key", "no key", "cut", "cut in the nonce", "nothing but a form", "nothing but a form, no key"],
)
def test_what_no_key_opens_is_lost_unless_there_is_none(keys: tuple[bytes, ...], sealed: bytes, *, lost: bool) -> None:
    """The reason names the revision, and what to do; no key is in it."""
    unread = Ring(keys).open(sealed, CONTEXT, MANIFEST)
    assert isinstance(unread, Unreadable)
    assert unread.lost is lost
    assert unread.reason.startswith("Revision 7 ")


def test_every_key_of_the_ring_opens() -> None:
    """A rotation loses nothing, and what was never sealed is read as it is."""
    assert Ring((NEW, OLD)).open(SEALED, CONTEXT, MANIFEST) == b"payload"
    assert Ring((NEW,)).open(b"Zplain", CONTEXT, MANIFEST) == b"Zplain"
