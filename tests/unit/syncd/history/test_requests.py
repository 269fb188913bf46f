"""What becomes of a rollback, a pin and an unpin, and which bodies make one."""

import json

import pytest

from routeiq_syncd.history.requests import (
    ACTIONS,
    Do,
    Kept,
    Request,
    Settled,
    checked,
    done_text,
    plan_request,
    read_request,
)
from routeiq_syncd.history.standing import FREE, Pin, Standing

ONE, TWO, AGAIN = Kept(1, "1" * 64), Kept(2, "2" * 64), Kept(3, "1" * 64)
PIN = Pin(2, TWO.digest, "freeze", "bob", "2026-11-22T22:00:00.000Z")
PINNED = Standing(PIN)


@pytest.mark.parametrize(
    ("action", "target", "desired", "standing", "expected"),
    [
        ("rollback", ONE, TWO, FREE, Do(ONE, None, True)),
        ("rollback", ONE, AGAIN, FREE, 200),
        ("rollback", AGAIN, AGAIN, FREE, 200),
        ("rollback", None, TWO, FREE, 404),
        ("rollback", ONE, None, FREE, 409),
        ("rollback", ONE, TWO, PINNED, 409),
        ("rollback", TWO, TWO, PINNED, 200),
        ("pin", ONE, TWO, FREE, Do(ONE, True, False)),
        ("pin", TWO, TWO, FREE, Do(None, True, False)),
        ("pin", ONE, AGAIN, FREE, Do(None, True, False)),
        ("pin", TWO, TWO, PINNED, 200),
        ("pin", ONE, TWO, PINNED, Do(ONE, True, False)),
        ("pin", None, TWO, FREE, 404),
        ("unpin", None, TWO, FREE, 200),
        ("unpin", None, TWO, PINNED, Do(None, False, False)),
    ],
)
def test_what_becomes_of_a_request(
    action: str, target: Kept | None, desired: Kept | None, standing: Standing, expected: Do | int
) -> None:
    """Content that is desired is not restored, a rollback asks for an end of the pin, a pin takes the place of one."""
    request = Request(next(known for known in ACTIONS if known == action), 9 if action != "unpin" else None, "n", "a")
    plan = plan_request(request, target, desired, standing)
    assert (plan.code if isinstance(plan, Settled) else plan) == expected
    if isinstance(plan, Do):
        assert done_text(request, plan, 4, desired, standing.pin).endswith(".")


def test_a_pin_of_the_desired_revision_names_no_number() -> None:
    """`pin` alone pins what is desired."""
    assert plan_request(Request("pin", None, "", "a"), None, TWO, FREE) == Do(None, True, False)


@pytest.mark.parametrize(
    ("action", "fields", "reason"),
    [
        ("rollback", {"number": 1}, "needs 'note'"),
        ("rollback", {"note": "x"}, "needs 'number'"),
        ("rollback", {"number": True, "note": "x"}, "'number' of rollback"),
        ("pin", {"number": "1"}, "'number' of pin"),
        ("pin", {"number": 10**18}, "'number' of pin"),
        ("pin", {"number": 0}, "'number' of pin"),
        ("unpin", {"number": 1}, "takes no 'number'"),
        ("pin", {"note": 1}, "'note' of pin"),
        ("pin", {"by": "x" * 201}, "'by' of pin"),
        ("pin", {"why": "x"}, "holds ['why']"),
        ("pin", [], "no object"),
        ("promote", {}, "knows no request 'promote'"),
    ],
)
def test_a_body_that_makes_no_request_is_told(action: str, fields: object, reason: str) -> None:
    """One sentence names the field and what was expected."""
    found = read_request(action, json.dumps(fields).encode())
    assert isinstance(found, str)
    assert reason in found


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_is_told(body: bytes) -> None:
    """Nothing that a client sends ends the process."""
    assert "is not JSON" in str(read_request("pin", body))


def test_texts_of_a_request_are_legible() -> None:
    """Control characters reach no log, no terminal and no database."""
    request = checked("pin", {"note": "a\nb\x00\x1b[2J", "by": "\ud800"})
    assert isinstance(request, Request)
    assert (request.note, request.by) == ("a b\\x00\\x1b[2J", "\\ud800")
