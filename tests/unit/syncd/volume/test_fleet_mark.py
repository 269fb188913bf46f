"""The mark of a volume."""

from pathlib import Path

import pytest

from routeiq_syncd.volume.fleet_mark import MARK, FleetMark, read_mark, write_mark


def test_a_mark_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Fields of a newer release are ignored; without a mark there is none."""
    assert read_mark(tmp_path) is None
    write_mark(tmp_path, FleetMark("config_sync", "an id"))
    assert read_mark(tmp_path) == FleetMark("config_sync", "an id")
    (tmp_path / MARK).write_text('{"format": 2, "lock_name": "a", "database": "b", "more": []}')
    assert read_mark(tmp_path) == FleetMark("a", "b")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lock_name": 1, "database": "b"}', "[" * 100_000, "\xff", "null"])
def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """Whoever writes the volume can write anything."""
    (tmp_path / MARK).write_text(text, encoding="latin-1")
    assert read_mark(tmp_path) is None
