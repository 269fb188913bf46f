"""When a program is started again, and what ends the replica."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routeiq_gateway.supervision.restarts import (
    CALM_SECONDS,
    CANNOT_WORK,
    HANGS_SECONDS,
    LONGEST_PAUSE,
    MOST_FAILURES,
    MOST_HANGS,
    History,
)

QUICK, START = 1.0, 10.0
ENDS = st.tuples(st.sampled_from([None, -9, 0, 1, 2, 3, 4, 5, 70, 127]), st.floats(0, 2 * CALM_SECONDS))


def test_pauses_grow_up_to_a_limit_and_begin_anew_after_a_calm() -> None:
    """The first time a program is started again at once, then after 1, 2, 4 … 30 s."""
    history, pauses = History(up=True), []
    for _ in range(8):
        history = history.ended("syncd", 1, QUICK, start=START)
        pauses.append(history.pause())
    assert pauses == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert history.ended("syncd", 1, CALM_SECONDS, start=START).pause() == 0.0


@example([(4, QUICK)] * 20)
@given(st.lists(ENDS, max_size=50))
def test_no_end_of_syncd_ends_the_replica_once_it_has_been_up(ends: list[tuple[int | None, float]]) -> None:
    """The gateway serves without it for as long as it needs; it is never left alone for longer than the limit."""
    history = History(up=True)
    for code, lasted in ends:
        history = history.ended("syncd", code, lasted, start=START)
        assert history.verdict(code) is None
        assert history.pause() <= LONGEST_PAUSE


@pytest.mark.parametrize("name", ["syncd", "gateway"])
@pytest.mark.parametrize("code", CANNOT_WORK)
def test_what_cannot_work_ends_the_replica(name: str, code: int) -> None:
    """Settings, a port, a volume: after so many starts in a row, and with the reason."""
    history = History()
    for _ in range(MOST_FAILURES - 1):
        history = history.ended(name, code, QUICK, start=START)
        assert history.verdict(code) is None
    verdict = history.ended(name, code, QUICK, start=START).verdict(code)
    assert verdict == f"{CANNOT_WORK[code]}, {MOST_FAILURES} times in a row"


def test_a_gateway_that_dies_at_every_start_ends_the_replica_and_one_that_is_killed_does_not() -> None:
    """A broken installation does not mend itself; a lack of memory may pass."""
    dies = killed = History()
    for _ in range(MOST_FAILURES):
        dies, killed = dies.ended("gateway", 1, QUICK, start=START), killed.ended("gateway", -9, QUICK, start=START)
    assert dies.verdict(1) == "it ends at its start, with exit code 1, 4 times in a row"
    assert killed.verdict(-9) is None


@pytest.mark.parametrize("name", ["syncd", "gateway"])
@pytest.mark.parametrize("up", [True, False])
def test_a_port_that_is_free_again_in_time_ends_nothing(name: str, *, up: bool) -> None:
    """Failures that do not follow on each other are counted anew."""
    history = History(up=up)
    for _ in range(10):
        for code in (4, 4, 4, -9):
            history = history.ended(name, code, QUICK, start=START)
            assert history.verdict(code) is None


def test_five_hangs_in_ten_minutes_end_the_replica_and_hangs_that_are_rare_do_not() -> None:
    """Each is followed by a longer pause, however long the program ran before it hung."""
    often = rarely = History(up=True)
    pauses = []
    for number in range(MOST_HANGS - 1):
        often = often.hung(number * 60.0).ended("gateway", -9, CALM_SECONDS, start=START)
        pauses.append(often.pause())
        assert often.verdict(-9) is None
    assert pauses == [0.0, 1.0, 2.0, 4.0]
    assert often.hung(300.0).ended("gateway", -9, QUICK, start=START).verdict(-9) == "it hung 5 times within 10 minutes"
    for number in range(20):
        rarely = rarely.hung(number * HANGS_SECONDS / 4).ended("gateway", -9, CALM_SECONDS, start=START)
        assert rarely.verdict(-9) is None
