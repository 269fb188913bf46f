"""The shelf: large files that revisions share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from routeiq_syncd.configuration.bundle import Entry
from routeiq_syncd.errors import TooLongError
from routeiq_syncd.volume.shelf import OBJECTS, UNUSED_SECONDS, Shelf


def test_a_file_lies_once_and_is_laid_by_links(tmp_path: Path) -> None:
    """Under its digest, read-only; a revision has it under its own name and no byte twice."""
    shelf = Shelf(tmp_path)
    sha256, size = shelf.put(iter([b"abc", b"def"]), 6)
    assert (size, shelf.holds(sha256, 6), shelf.holds(sha256, 5)) == (6, True, False)
    shelf.lay(Entry("a", size, sha256), tmp_path / "a")
    assert (tmp_path / "a").stat().st_ino == (tmp_path / OBJECTS / sha256).stat().st_ino
    assert (tmp_path / "a").stat().st_mode & 0o222 == 0


def test_what_does_not_come_whole_leaves_nothing(tmp_path: Path) -> None:
    """More bytes than are taken, or a store that breaks off in the middle."""

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionError

    shelf = Shelf(tmp_path)
    with pytest.raises(TooLongError):
        shelf.put(iter([b"abc", b"def"]), 5)
    with pytest.raises(ConnectionError):
        shelf.put(broken(), 5)
    assert not list((tmp_path / OBJECTS).iterdir())


def test_a_file_that_the_disk_damaged_is_laid_nowhere_and_let_go(tmp_path: Path) -> None:
    """So that it is fetched anew."""
    shelf = Shelf(tmp_path)
    sha256, size = shelf.put(iter([b"abc"]), 3)
    path = tmp_path / OBJECTS / sha256
    path.chmod(0o640)
    path.write_bytes(b"abd")
    with pytest.raises(OSError, match="damaged"):
        shelf.lay(Entry("a", size, sha256), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    assert not shelf.holds(sha256, size)


def test_what_no_revision_has_goes_after_an_hour(tmp_path: Path) -> None:
    """What a revision has stays however old it is, and so does what was asked for lately."""
    shelf = Shelf(tmp_path)
    kept, old, lately = (shelf.put(iter([data]), 9) for data in (b"kept", b"old", b"lately"))
    shelf.lay(Entry("a", kept[1], kept[0]), tmp_path / "a")
    for sha256, _size in (kept, old, lately):
        path = tmp_path / OBJECTS / sha256
        then = path.stat().st_mtime - UNUSED_SECONDS - 60
        os.utime(path, (then, then))
    assert shelf.holds(*lately)
    shelf.tidy()
    assert {path.name for path in (tmp_path / OBJECTS).iterdir()} == {kept[0], lately[0]}
