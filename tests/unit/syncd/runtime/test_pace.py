"""How long a loop waits until its next turn."""

from routeiq_syncd.runtime.pace import delay


def test_delays_double_up_to_a_cap_and_never_undercut_the_interval() -> None:
    """5 s, 10 s, 15 s, 15 s; an interval above the cap stays itself; jitter is a tenth."""
    assert [delay(5, failures, 0) for failures in range(4)] == [5, 10, 15, 15]
    assert delay(60, 7, 0) == 60
    assert (delay(10, 0, -1), delay(10, 0, 1)) == (9, 11)
