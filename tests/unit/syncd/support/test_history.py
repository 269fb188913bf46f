"""The checker of recorded histories finds each violation, and nothing in a history that is right."""

import pytest

from tests.support.history import Answered, Asked, Calm, Ended, Event, Granted, Pinned, Put, Recorded, Served, wrong
from tests.support.schedule import CALM, KINDS, schedule

GOOD: tuple[Event, ...] = (
    Put("one"),
    Granted(1, "a"),
    Recorded(1, "one", 1, "a", 1, "a", 3.0),
    Served("0", 0),
    Served("0", 1, "one"),
    Served("1", 1, "one"),
    Answered("0", "/readyz", 200),
    Put("bad", good=False),
    Granted(2, "b"),
    Put("two"),
    Recorded(3, "two", 2, "b", 2, "b", 0.1),
    Served("0", 3, "two"),
    Recorded(4, "one", 2, "b", 2, "b", 1.0, "rollback"),
    Asked("rollback", 200, 4),
    Asked("rollback", 409, 0),
    Recorded(5, "two", 2, "b", 2, "b", 1.0, "pin", "two"),
    Pinned("two"),
    Calm("two", (("0", "two"),)),
)


def test_a_history_that_is_right_has_nothing_wrong() -> None:
    """Numbers may skip, a new replica begins with nothing, and a refused configuration may be put."""
    assert wrong(GOOD) == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Recorded(6, "two", 1, "a", 2, "b", 3.0), "1: revision 6 names epoch 1 of a while epoch 2 of b"),
        (Recorded(6, "two", 2, "a", 2, "b", 3.0), "1: revision 6 names epoch 2 of a"),
        (Recorded(6, "two", 2, "b", 2, "b", -0.5), "1: revision 6 was recorded 0.500 s after the lease expired"),
        (Granted(2, "c"), "2: epoch 2 came after 2"),
        (Granted(1, "c"), "2: epoch 1 came after 2"),
        (Recorded(5, "two", 2, "b", 2, "b", 3.0), "3: revision 5 came after 5"),
        (Served("0", 1, "one"), "3: replica 0 went from revision 3 to 1"),
        (Served("1", 3, "two", whole=False), "4: replica 1 showed revision 3 while it was not whole"),
        (Served("1", 3, "one"), "4: replica 1 showed other content"),
        (Calm("two", (("0", "two"), ("1", "one"))), "5: replica 1 did not come to serve"),
        (Served("1", 6, "bad"), "6: replica 1 served content that is refused"),
        (Recorded(6, "bad", 2, "b", 2, "b", 3.0, "pin"), "6: revision 6 has content that is refused"),
        (Recorded(6, "made up", 2, "b", 2, "b", 3.0, "pin"), "or that nobody put"),
        (Served("0", 0), "7: replica 0 served nothing after revision 3"),
        (
            Recorded(6, "one", 2, "b", 2, "b", 3.0),
            "12: revision 6 was recorded by publish while other content was pinned",
        ),
        (Recorded(6, "one", 2, "b", 2, "b", 3.0, "rollback"), "12: revision 6 was recorded by rollback while other"),
        (Recorded(6, "two", 2, "b", 2, "b", 3.0, "publish", "two"), "12: revision 6 was published over the rollback"),
        (Asked("rollback", 200, 5), "12: a rollback was answered with revision 5, which nobody recorded"),
        (Ended("1", 1), "7: the syncd of replica 1 ended by itself with code 1"),
        (Answered("1", "/readyz", 503), "7: replica 1 answered /readyz with 503"),
    ],
)
def test_each_violation_is_found_and_named(event: Event, told: str) -> None:
    """One event that must not be, after a history that is right: exactly that is told."""
    (found,) = wrong((*GOOD, event))
    assert told in found


def test_a_seed_is_a_schedule() -> None:
    """The same seed gives the same faults; over a few seeds every kind comes, within the time, and calms between."""
    assert schedule(7, 60.0, 3) == schedule(7, 60.0, 3) != schedule(8, 60.0, 3)
    steps = [step for seed in range(5) for step in schedule(seed, 60.0, 3)]
    assert {step.kind for step in steps} == {*KINDS, CALM}
    assert all(0 <= step.at <= 60.0 and 0 <= step.target < 3 and step.seconds >= 0 for step in steps)
    assert schedule(7, 60.0, 3)[-1].kind == CALM
    times = [step.at for step in schedule(7, 60.0, 3)]
    assert times == sorted(times)
