"""The rule by which a long run is flat finds what grows, and nothing in what does not."""

import pytest

from bench.flat import Measure


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        ([100.0] * 9, True),
        ([100.0] * 6 + [110.0] * 3, True),
        ([100.0] * 6 + [110.1] * 3, False),
        ([100.0, 100.0, 100.0, 500.0, 500.0, 500.0, 100.0, 100.0, 900.0], True),
        ([100.0 + 2 * number for number in range(30)], False),
        ([200.0 - number for number in range(30)], True),
    ],
)
def test_what_grows_by_more_than_a_tenth_is_not_flat(values: list[float], *, flat: bool) -> None:
    """The median of the last third is set against that of the first: neither one peak nor a fall counts."""
    assert Measure("memory", 5.0, values).flat is flat


@pytest.mark.parametrize(("last", "flat"), [(3.0, True), (5.0, True), (6.0, False)])
def test_a_small_count_may_grow_by_its_slack(last: float, *, flat: bool) -> None:
    """A tenth of a small count says nothing; without slack any growth of nothing counts."""
    assert Measure("files", 3.0, [2.0, 2.0, 2.0, last, last, last]).flat is flat
    assert not Measure("engines", 0.0, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]).flat
