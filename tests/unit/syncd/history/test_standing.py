"""What holds the source back."""

import pytest

from routeiq_syncd.history.standing import Pin, Standing, Waiting, read_pin, read_waiting, write_record

PIN = Pin(3, "a" * 64, "freeze", "bob", "2026-11-22T22:00:00.000Z")


@pytest.mark.parametrize(
    ("standing", "digest", "why"),
    [
        (Standing(), "b" * 64, ""),
        (Standing(PIN), "b" * 64, "pinned"),
        (Standing(PIN), "a" * 64, ""),
        (Standing(None, "b" * 64), "b" * 64, "passed over"),
        (Standing(None, "b" * 64), "c" * 64, ""),
        (Standing(PIN, "a" * 64), "a" * 64, "passed over"),
    ],
)
def test_what_is_held_back(standing: Standing, digest: str, why: str) -> None:
    """A pin holds all other content back, a rollback what it passes over."""
    assert standing.holds_back(digest) == why


def test_a_record_is_read_as_it_was_written() -> None:
    """A pin and what waits; None for none."""
    waiting = Waiting("b" * 64, "pinned", "2026-11-22T22:00:00.000Z")
    assert read_pin(write_record(PIN)) == PIN
    assert read_waiting(write_record(waiting)) == waiting
    assert write_record(None) is None
    assert read_pin(None) is None
    assert read_waiting(None) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"number": 1}', '{"digest": null}', "[" * 100_000])
def test_what_is_no_record_is_none(text: str) -> None:
    """Whatever stands in the column or the file."""
    assert read_pin(text) is None
    assert read_waiting(text) is None


def test_a_pin_needs_a_number() -> None:
    """Truth values are none."""
    assert read_pin('{"number": true, "digest": "a"}') is None
