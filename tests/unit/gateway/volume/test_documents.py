"""The digest of a revision."""

import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routeiq_gateway.volume.documents import FileEntry, digest_of

ENTRIES = st.lists(
    st.builds(FileEntry, st.text(min_size=1), st.integers(0, 1 << 40), st.text(string.hexdigits, min_size=64)),
    unique_by=lambda entry: entry.path,
)


@given(ENTRIES, st.randoms())
def test_the_digest_depends_on_content_alone(entries: list[FileEntry], random: Any) -> None:
    """The order in which files are listed does not matter; any change of a file does."""
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert digest_of(entries) == digest_of(shuffled)
    if entries:
        first = entries[0]
        changed = [FileEntry(first.path, first.size + 1, first.sha256), *entries[1:]]
        assert digest_of(changed) != digest_of(entries)
