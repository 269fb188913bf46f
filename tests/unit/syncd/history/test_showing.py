"""Revisions and their differences, as people see them: readable, and without a secret."""

import pytest

from routeiq_syncd.configuration.bundle import Bundle, make_bundle
from routeiq_syncd.history.showing import difference, shown
from tests.support.secret_places import secret_places

PLACES = {place.name: place for place in secret_places()}
CONFIG = """\
# sk-in-a-comment-{secret}
model_list:
  - model_name: {name}
    litellm_params:
      model: openai/gpt-4o
      api_key: {secret}
      api_base: https://user:{secret}@host.example/v1
      rpm: 100
general_settings:
  master_key: os.environ/MASTER_KEY
"""
SECRET, OTHER = "sk-Zq81nVx0Lw72pTk5", "sk-Yr93mWd4Ks60bHj8"


def bundle(name: str = "one", secret: str = SECRET, **files: bytes) -> Bundle:
    """A revision."""
    return make_bundle({"config.yaml": CONFIG.format(name=name, secret=secret).encode(), **files})


def test_a_revision_is_shown_without_secrets() -> None:
    """Names, numbers and references stay; keys, passwords in addresses and comments do not."""
    text = shown(bundle(notes=b"free text"))
    assert SECRET not in text
    lines = ("- model_name: one", "    model: openai/gpt-4o", "    rpm: 100", "  master_key: os.environ/MASTER_KEY")
    assert set(lines) <= set(text.splitlines())
    assert "host.example/v1" in text
    assert "9 bytes, sha256 " in text


def test_a_difference_names_what_changed() -> None:
    """Lines of the two, with what stands around; what is equal is not repeated."""
    text = difference(bundle("one"), bundle("two"))
    assert [line for line in text.splitlines() if line[0] in "+-" and line[:3] not in {"---", "+++"}] == [
        "-- model_name: one",
        "+- model_name: two",
    ]


def test_a_hidden_value_that_changed_is_a_difference() -> None:
    """It is marked in the two, and neither is shown; where a value did not change nothing is marked."""
    text = difference(bundle(secret=SECRET), bundle(secret=OTHER))
    assert "api_key: '*** (before)'" in text
    assert "api_key: '*** (after)'" in text
    assert SECRET not in text
    assert OTHER not in text
    assert "(before)" not in difference(bundle("one"), bundle("two"))


def test_only_a_comment_changed() -> None:
    """It is said, since the digests differ, and the comment is not shown."""
    before = bundle()
    after = make_bundle({"config.yaml": before.files["config.yaml"] + b"# " + OTHER.encode() + b"\n"})
    assert difference(before, after) == (
        "changed: config.yaml, in comments, in its form, or in which place a hidden value stands"
    )


def test_files_come_and_go() -> None:
    """A file that is added, removed or no YAML is told by size and digest."""
    text = difference(bundle(old=b"1", same=b"0"), bundle(new=b"22", same=b"0"))
    assert "added: new" in text
    assert "removed: old" in text
    assert "same" not in text


@pytest.mark.parametrize("name", PLACES)
def test_no_place_of_a_configuration_shows_a_secret(name: str) -> None:
    """Wherever an operator put a secret, neither a revision nor a difference shows it."""
    place = PLACES[name]
    holds = make_bundle({"config.yaml": place.config.encode()})
    for text in (shown(holds), difference(bundle(), holds), difference(holds, bundle())):
        assert place.shown_in(text) is None, text
