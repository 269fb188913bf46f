"""How long a loop waits until its next turn."""

from routeiq_syncd.runtime.turns.pace import Retry, delay


def test_delays_double_up_to_a_cap_and_never_undercut_the_interval() -> None:
    """5 s, 10 s, 15 s, 15 s; an interval above the cap stays itself; jitter is a tenth."""
    assert [delay(5, failures, 0) for failures in range(4)] == [5, 10, 15, 15]
    assert delay(60, 7, 0) == 60
    assert (delay(10, 0, -1), delay(10, 0, 1)) == (9, 11)


def test_what_does_not_succeed_is_tried_ever_more_rarely() -> None:
    """At once, after 5 s, 10 s, 20 s, 40 s, and every minute from then on, each a fifth sooner or later at most."""
    now = 0.0
    retry = Retry(lambda: now)
    assert retry.due()
    for seconds in (5, 10, 20, 40, 60, 60):
        retry.put_off()
        began = now
        now = began + 0.79 * seconds
        assert not retry.due()
        now = began + 1.21 * seconds
        assert retry.due()
