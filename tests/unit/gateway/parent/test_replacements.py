"""How soon a dead worker is replaced."""

from routeiq_gateway.parent.replacements import FIRST_DELAY, LONGEST_DELAY, Upkeep


def test_deaths_in_a_row_wait_longer() -> None:
    """A crash loop backs off up to a limit; a death after a calm is answered at once."""
    upkeep = Upkeep(None, None, None)  # type: ignore[arg-type]  # only the clock rules are under test
    delays = []
    for second in range(10):
        upkeep.died(float(second))
        delays.append(upkeep.delay)
    assert delays[:4] == [0.0, FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert max(delays) == LONGEST_DELAY
    upkeep.died(1000.0)
    assert upkeep.delay == 0.0
