"""Text that any reader takes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.legible import legible


@given(st.text(st.characters(codec=None)))
def test_what_is_legible_can_be_written_anywhere(text: str) -> None:
    """UTF-8 has it, PostgreSQL stores it, a log keeps it on one line; text that is so already stays as it is."""
    written = legible(text)
    assert "\0" not in written
    assert len(written.splitlines()) <= 1
    assert json.loads(json.dumps(written, ensure_ascii=False).encode()) == written
    assert legible(written) == written


def test_unfit_characters_are_shown() -> None:
    """As an escape that says which; letters of any language are not touched."""
    assert legible("a\0b\nc\x85d\ud800") == r"a\x00b\nc\x85d\ud800"
    assert legible("é…日本 'x'") == "é…日本 'x'"
