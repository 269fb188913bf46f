import pytest

from tests.support.operations import KEYS, Pair, differences, operations


def test_both_list_the_same_operations(pair: Pair) -> None:
    """The OpenAPI documents name the same paths and methods."""
    stock, ours = (operations(base) for base in pair.bases)
    assert sorted(stock) == sorted(ours)
    assert len(stock) > 900


@pytest.mark.timeout(400)
@pytest.mark.parametrize("key", KEYS)
def test_every_operation_answers_as_stock(pair: Pair, key: str) -> None:
    """Each operation has stock's status, header names and shape of the body, or the difference is meant."""
    found = differences(pair, KEYS[key], askers=6)
    assert not found, "\n".join(found)
