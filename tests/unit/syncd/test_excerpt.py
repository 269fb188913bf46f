"""Reading a part of a document gives what reading the whole and leaving out gives."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeiq_syncd.sources.excerpt import items, members, read, referred, source, whole

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["a", "b", '"c"', ""]), VALUES)


@settings(max_examples=200, deadline=None)
@given(OBJECTS, st.sets(st.sampled_from(["a", "b", '"c"', ""])), st.sampled_from([None, 1]))
def test_members_left_out_are_all_that_differs(document: dict[str, object], only: set[str], indent: int | None) -> None:
    """Whatever the values hold and however they are laid out."""
    text = json.dumps(document, indent=indent)
    assert read(f" {text}\n", members(only=only)) == {name: document[name] for name in document if name in only}


@settings(max_examples=200, deadline=None)
@given(st.lists(OBJECTS), st.sampled_from([None, 1]))
def test_readers_nest(document: list[dict[str, object]], indent: int | None) -> None:
    """An array of objects, of which one member is kept as text."""
    text = json.dumps(document, indent=indent)
    found = read(text, items(members({"a": source}, only=("a", "b"))))
    assert isinstance(found, list)
    assert [json.loads(entry["a"]) for entry in found if "a" in entry] == [
        each["a"] for each in document if "a" in each
    ]
    assert [entry.get("b") for entry in found] == [each.get("b") for each in document]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a" 1}', '{"a": 1 "b": 2}', '{"a": }'])
def test_what_is_no_object_is_refused(text: str) -> None:
    """With an error that a caller of `json.loads` expects."""
    with pytest.raises(ValueError, match="xpect"):
        read(text, members())


def test_references_are_found_at_any_depth() -> None:
    """By the key they stand under; a structure under that key is looked into."""
    document = {"shape": "A", "members": {"shape": {"shape": "B"}, "x": [{"shape": "C"}, 1]}}
    assert sorted(referred(document, "shape")) == ["A", "B", "C"]
    assert read(json.dumps(document), whole) == document
