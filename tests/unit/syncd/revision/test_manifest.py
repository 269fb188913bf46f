"""Manifests that others write, another release or whoever writes the database, are read without harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import Entry
from routeiq_syncd.revision.answer import read_answer
from routeiq_syncd.revision.manifest import BOUNDS, MANIFEST_BYTES, newer, read_manifest, write_manifest
from tests.support.manifests import EMPTY, files, manifest_of
from tests.support.snapshots import manifest


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    """Manifest and answer of another release, or half of one, are read or not, never an exception."""
    read_manifest(data)
    read_answer(data)


def test_a_manifest_that_contradicts_itself_is_none() -> None:
    """A digest that is not that of the files, or a path that leaves the tree, is no manifest."""
    data = write_manifest(manifest(1))
    assert read_manifest(data) is not None
    assert read_manifest(data.replace(b'"size": 14', b'"size": 15')) is None
    assert read_manifest(data.replace(b'"config.yaml"', b'"../fig.yaml"')) is None


@pytest.mark.parametrize("number", ["1e999", "-1", "true", '"1"', "1.5", str(10**18), "9" * 5000])
def test_what_is_no_revisions_number_is_no_answer_and_no_manifest(number: str) -> None:
    """Out of range, a fraction, another type."""
    said = f'{{"number": {number}, "digest": "d", "since": "s"}}'
    assert read_answer(f'{{"serving": {said}}}'.encode()) is None
    assert read_answer(f'{{"workers": [{said}]}}'.encode()) is None
    entries = files("config.yaml")
    assert read_manifest(manifest_of(*entries, number=7)) is not None
    assert (
        read_manifest(manifest_of(*entries, number=7).replace(b'"number": 7', f'"number": {number}'.encode())) is None
    )


@pytest.mark.parametrize(
    "entries",
    [
        (Entry("config.yaml", -5, EMPTY),),
        (Entry("config.yaml", 10**30, EMPTY),),
        (Entry("config.yaml", BOUNDS.file_bytes + 1, EMPTY),),
        tuple(Entry(f"{at}", BOUNDS.bundle_bytes // 4, EMPTY) for at in range(5)),
        files(*(str(at) for at in range(BOUNDS.files + 1))),
        files("config.yaml", "manifest.json"),
        files("config.yaml", "manifest.json/a"),
        files("a", "a/b"),
        files("a/b/c", "a/b"),
        files("a", "a"),
        files("a" * 256),
        files("é" * 128),
        files("/".join("a" * 200 for _ in range(6))),
        files("a\0b"),
        files("../a"),
        (Entry("config.yaml", 0, "0" * 63),),
        (Entry("config.yaml", 0, "G" * 64),),
    ],
)
def test_files_that_no_volume_takes_are_no_manifest(entries: tuple[Entry, ...]) -> None:
    """Sizes, counts, the names that a revision keeps for itself, a file where a directory has to be, long names."""
    assert read_manifest(manifest_of(*entries)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"publisher": {"holder_id": "h", "epoch": 2**63 - 1}},
        {"publisher": []},
        {"publisher": {"holder_id": "\ud800"}},
        {"source": {"kind": "s3", "location": 7}},
        {"source": {"kind": "s3", "location": "x", "etag": []}},
        {"digest": None},
        {"files": {}},
        {"files": [{"path": "\ud800", "size": 0, "sha256": EMPTY}]},
        {"files": [{"path": "a", "size": True, "sha256": EMPTY}]},
        {"padding": "x" * MANIFEST_BYTES},
    ],
)
def test_fields_of_another_type_are_no_manifest(fields: dict[str, object]) -> None:
    """Nor is one that is longer than what is read from a volume."""
    assert read_manifest(manifest_of(*files("config.yaml"))) is not None
    assert read_manifest(manifest_of(*files("config.yaml"), **fields)) is None


@pytest.mark.parametrize(
    ("text", "newer_one"),
    [(b'{"format": 2}', True), (b'{"format": 1}', False), (b"{}", False), (b"[]", False), (b"x", False), (b"", False)],
)
def test_a_manifest_of_a_newer_release_is_told_from_damage(text: bytes, *, newer_one: bool) -> None:
    """By its format alone; whatever else cannot be read is damage."""
    assert newer(text) is newer_one
