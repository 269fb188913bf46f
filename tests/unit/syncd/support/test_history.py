"""The checker of recorded histories finds each violation, and nothing in a history that is right."""

import pytest

from tests.support.history import (
    Answered,
    Calm,
    Commanded,
    Ended,
    Event,
    Granted,
    Ledger,
    Pinned,
    Put,
    Ready,
    Recorded,
    Served,
    Serving,
    Shown,
    wrong,
)
from tests.support.request_history import Asked, Down, WorkerKilled
from tests.support.schedule import CALM, KINDS, SUPERVISED_KINDS, schedule, supervised_schedule

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
    Commanded("rollback", 200, 4),
    Commanded("rollback", 409, 0),
    Recorded(5, "two", 2, "b", 2, "b", 1.0, "pin", "two"),
    Pinned("two"),
    Calm("two", (("0", "two"),)),
)
WHOLE: tuple[Event, ...] = (
    *GOOD,
    Ledger((("001_one", True), ("002_two", True))),
    Pinned(""),
    Put("taken by syncd", served=False),
    Recorded(6, "taken by syncd", 2, "b", 2, "b", 0.1),
    Served("1", 6, "taken by syncd"),
    Serving("0", "first", 1, "one"),
    Serving("0", "first", 3, "two"),
    Serving("0", "second", 1, "one"),
    WorkerKilled("0", 10.0, 10.1, frozenset({4711})),
    Down("1", 20.0, 30.0),
    Down("1", 40.0, 50.0, killed=False),
    Ready("1", ok=True),
    Asked("0", "stream", 1.0, 2.0, 4711, digest="one"),
    Asked("0", "stream", 9.0, 10.2, 4711, "cut"),
    Asked("1", "completion", 19.0, 20.5, 4712, "cut"),
    Asked("1", "completion", 29.9, 31.0, 0, "refused"),
    Asked("1", "completion", 40.1, 40.2, 0, "refused"),
)


def test_a_history_that_is_right_has_nothing_wrong() -> None:
    """Numbers may skip, a new replica begins with nothing, and a refused configuration may be put."""
    assert wrong(GOOD) == []
    assert wrong(WHOLE) == []


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
        (Commanded("rollback", 200, 5), "12: a rollback was answered with revision 5, which nobody recorded"),
        (Ended("1", 1), "7: the syncd of replica 1 ended by itself with code 1"),
        (Answered("1", "/readyz", 503), "7: replica 1 answered /readyz with 503"),
    ],
)
def test_each_violation_is_found_and_named(event: Event, told: str) -> None:
    """One event that must not be, after a history that is right: exactly that is told."""
    assert wrong(GOOD) == []
    (found,) = wrong((*GOOD, event))
    assert told in found


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Ended("1", "SIGKILL of others", "gateway"), "7: the gateway of replica 1 ended by itself with code SIGKILL"),
        (Ready("1", ok=False), "11: replica 1 started and found nothing to serve"),
        (Serving("0", "first", 2, "two"), "3: the gateway of replica 0 went from revision 3 to 2"),
        (Serving("0", "first", 4, "taken by syncd"), "6: the gateway of replica 0 served content that is refused"),
        (Asked("0", "stream", 1.0, 2.0, 1, digest="bad"), "6: a client of replica 0 was answered by content"),
        (Asked("0", "stream", 1.0, 2.0, 1, digest="taken by syncd"), "6: a client of replica 0 was answered by"),
        (Ledger((("001_one", True), ("001_one", True))), "9: migration 001_one was applied 2 times"),
        (Ledger((("001_one", False),)), "9: the ledger does not say that migration 001_one was applied"),
        (Shown("master key", "stack.log of replica 0"), "10: the master key stands in stack.log of replica 0"),
        (Asked("0", "stream", 9.0, 10.2, 4712, "cut"), "7, 8: a stream at replica 0 failed, though its worker was not"),
        (Asked("1", "stream", 9.0, 10.2, 4711, "cut"), "7, 8: a stream at replica 1 failed"),
        (Asked("0", "stream", 10.2, 11.0, 4711, "cut"), "7, 8: a stream at replica 0 failed"),
        (Asked("0", "stream", 8.0, 9.9, 4711, "cut"), "7, 8: a stream at replica 0 failed"),
        (Asked("1", "readiness", 31.0, 31.1, 5, "503"), "7, 8: a readiness at replica 1 failed"),
        (Asked("1", "slow stream", 39.9, 41.0, 5, "cut"), "7, 8: a slow stream at replica 1 failed"),
    ],
)
def test_each_violation_of_whole_replicas_is_found_and_named(event: Event, told: str) -> None:
    """The same after a history of gateways, clients, kills and replicas that were down: no excuse covers another's."""
    (found,) = wrong((*WHOLE, event))
    assert told in found


def test_a_seed_is_a_schedule() -> None:
    """The same seed gives the same faults; over a few seeds every kind comes, within the time, and calms between."""
    assert schedule(7, 60.0, 3) == schedule(7, 60.0, 3) != schedule(8, 60.0, 3)
    steps = [step for seed in range(5) for step in schedule(seed, 60.0, 3)]
    assert {step.kind for step in steps} == {*KINDS, CALM}
    whole = [step for seed in range(9) for step in supervised_schedule(seed, 120.0, 3)]
    assert {step.kind for step in whole} == {*SUPERVISED_KINDS, CALM}
    assert all(0 <= step.at <= 60.0 and 0 <= step.target < 3 and step.seconds >= 0 for step in steps)
    assert schedule(7, 60.0, 3)[-1].kind == CALM
    times = [step.at for step in schedule(7, 60.0, 3)]
    assert times == sorted(times)
