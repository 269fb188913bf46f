"""Which revisions leave the volume."""

from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.revision.garbage import doomed


@given(st.sets(st.integers(1, 99), max_size=40), st.sets(st.integers(1, 99), max_size=5))
def test_garbage_is_old_and_unused(numbers: set[int], used: set[int]) -> None:
    """Nothing among the newest ten goes, nothing in use goes, and everything else does."""
    names = {number: f"{number:06d}-{'a' * 12}" for number in numbers}
    linked = frozenset(list(names.values())[:1])
    gone = set(doomed([*names.values(), "not-a-revision"], linked=linked, used=frozenset(used)))
    newest = set(sorted(numbers)[-10:])
    expected = {name for number, name in names.items() if number not in newest | used and name not in linked}
    assert gone == expected
