"""Every sentence in which migrate tells an operator what to do has a test that does it, and runs ``up`` after."""

import pytest

from tests.support.advice import FOLLOWED, NO_ADVICE, defines, texts


def test_every_advice_is_followed_by_a_test() -> None:
    """A new text is either advice, with its test in `FOLLOWED`, or none, and then stands in `NO_ADVICE`."""
    unknown = [
        f"{module}: {text}"
        for module, text in texts()
        if not any(part in text for part in FOLLOWED) and not any(part in text for part in NO_ADVICE)
    ]
    assert unknown == []


@pytest.mark.parametrize("part", [*FOLLOWED, *NO_ADVICE])
def test_no_entry_is_stale(part: str) -> None:
    """What stands in the lists can still be told."""
    assert any(part in text for _, text in texts())


@pytest.mark.parametrize("test", sorted(set(FOLLOWED.values())))
def test_the_test_exists(test: str) -> None:
    """A list of tests that are gone proves nothing."""
    assert defines(test)
