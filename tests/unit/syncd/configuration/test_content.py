"""What may stand in a bundle from a bucket: names, the index, and what runs when it is loaded."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import Entry, fit_together, make_bundle
from routeiq_syncd.configuration.content.index import read_index, write_index
from routeiq_syncd.configuration.content.kinds import HEAD_BYTES, is_code, what_runs
from routeiq_syncd.configuration.content.names import index_problems, is_part, name_problems, travels_in_row
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.sources.prefix.looking import looked_into

PACKINGS: list[Callable[[bytes], bytes]] = [
    bytes,
    gzip.compress,
    zlib.compress,
    bz2.compress,
    lzma.compress,
    lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    lambda data: gzip.compress(bz2.compress(data)),
]


class Evil:
    """Runs a program when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """Say what runs."""
        return os.system, ("true",)


def zipped(data: bytes, name: str = "archive/data.pkl") -> bytes:
    """An archive as PyTorch writes it."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/version", "3")
        archive.writestr(name, data)
    return whole.getvalue()


def tarred(data: bytes) -> bytes:
    """An archive as PyTorch once wrote it."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        member = tarfile.TarInfo("storages")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return whole.getvalue()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("packing", range(len(PACKINGS)))
def test_a_pickle_is_known_in_every_protocol_and_packing(protocol: int, packing: int) -> None:
    """Alone, behind a prefix of text values, in an archive of PyTorch, and cut short before its end."""
    plain = pickle.dumps(Evil(), protocol)
    behind = pickle.dumps(["text" * 40, {"a": 1.5}, Evil()], protocol)
    for data in (plain, behind, plain[:-1], pickle.dumps(["x" * 2 * HEAD_BYTES, Evil()], protocol)):
        packed = PACKINGS[packing](data)
        assert what_runs(packed[:HEAD_BYTES]) is not None
    assert looked_into(zipped(PACKINGS[packing](plain), "weights.txt")) is not None
    assert looked_into(tarred(PACKINGS[packing](plain))) is not None
    assert looked_into(b"#!/bin/sh\n" + zipped(plain)) is not None  # an archive may have anything before it


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "model_list:\n- a\n",
        "class\nfoo\nR",
        "can you\nhelp me\n",
        "(b)",
        "import os\nos.f()\n",
        "Rbo",
        "c\n\n.",
    ],
)
def test_plain_files_run_nothing(text: str) -> None:
    """Nor do they packed or in an archive, nor does an array of numbers; one of objects does."""
    for packing in PACKINGS:
        assert looked_into(packing(text.encode())) is None
    assert looked_into(zipped(text.encode())) is None
    numbers = b"\x93NUMPY\x01\x00\x36\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}\n"
    assert looked_into(numbers) is None
    assert looked_into(numbers.replace(b"'<f8'", b"'|O' ")) is not None


@given(st.binary(max_size=300))
def test_no_bytes_break_the_look_into_a_file(data: bytes) -> None:
    """Whatever stands in a bucket, also behind the marks of each packing and archive."""
    for mark in (
        b"",
        b"\x78\x9c",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00",
        b"\0" * 257 + b"ustar",
    ):
        looked_into(mark + data)


def test_code_is_known_by_name_and_programs_by_content() -> None:
    """Whatever the case of the name."""
    assert all(is_code(path, b"") for path in ("a.py", "b/C.PY", "c.pyc", "d.cpython-311-x86_64-linux-gnu.so"))
    assert is_code("prompt.txt", b"\x7fELF\x02\x01")
    assert not is_code("prompt.txt", b"import os")


@pytest.mark.parametrize(
    ("paths", "word"),
    [
        (["../a"], "leaves the tree"),
        (["a/../../b"], "leaves the tree"),
        (["/etc/passwd"], "leaves the tree"),
        (["a//b"], "not normalised"),
        (["a\nb"], "control character"),
        (["a\\b"], "rename the object"),
        (["manifest.json"], "revision's own file"),
        (["config.yaml/a"], "revision's own file"),
        (["a" * 300], "too long"),
        (["Prompts/a", "prompts/b"], "only in case"),
        (["caf\u00e9", "cafe\u0301"], "accents"),
        (["a", "a/b"], "can be no directory"),
    ],
)
def test_names_that_no_tree_takes_are_refused(paths: list[str], word: str) -> None:
    """Each with the name, legibly on one line, and with what to do."""
    (problem, *_rest) = name_problems([*paths, "config.yaml"])
    assert word in problem.message
    assert problem.file.isprintable()


@given(st.lists(st.text("aAb/.\\\n\u00e9", min_size=1, max_size=8), unique=True, max_size=6))
def test_names_without_a_problem_fit_into_one_tree(paths: list[str]) -> None:
    """What the rules of names let pass, every reader of a manifest takes."""
    parts = [path for path in paths if is_part(path)]
    assert name_problems(parts) or fit_together(parts)


@given(st.dictionaries(st.text(max_size=4), st.integers(0, 50)), st.integers(0, 100))
def test_the_row_holds_the_smallest_files_and_no_more_than_its_limit(sizes: dict[str, int], limit: int) -> None:
    """And each file that stays out is at least as large as each that is in."""
    inline = travels_in_row(sizes, limit)
    assert sum(sizes[path] for path in inline) <= limit
    assert all(sizes[path] <= sizes[other] for path in inline for other in sizes.keys() - inline)


def test_an_index_is_read_as_it_was_written() -> None:
    """And compared with what a listing shows."""
    entries = make_bundle({"config.yaml": b"{}", "prompts/a": b"abc"}).entries
    assert read_index(write_index(entries)) == entries
    assert index_problems(entries, {"config.yaml": 2, "prompts/a": 3, "other": 1}) == ()
    absent, other = index_problems(entries, {"config.yaml": 3})
    assert (absent.file, other.file) == ("config.yaml", "prompts/a")


@pytest.mark.parametrize(
    "change",
    [(b'"format": 1', b'"format": 2'), (b'"size": 2', b'"size": 3'), (b"config.yaml", b"../onfig.yaml"), (b"}", b"")],
)
def test_an_index_that_contradicts_itself_is_refused(change: tuple[bytes, bytes]) -> None:
    """Another format, a size that its digest does not know, a path that leaves the tree, half a document."""
    found = read_index(write_index(make_bundle({"config.yaml": b"{}"}).entries).replace(*change, 1))
    assert isinstance(found, Problem)
    assert found.file == "revision.json"


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader_of_an_index(data: bytes) -> None:
    """Whoever writes the bucket can write anything."""
    read_index(data)
    assert isinstance(read_index(b'{"format": 1, "files": [], "digest": ""}'), Problem)
    assert isinstance(read_index(write_index([Entry("a", 0, "0" * 64)])), Problem)
