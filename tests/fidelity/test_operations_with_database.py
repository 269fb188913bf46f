import pytest

from tests.support.operations import KEYS, Pair, differences


@pytest.mark.timeout(400)
@pytest.mark.parametrize("key", KEYS)
def test_every_operation_answers_as_stock_with_a_database(pair_with_database: Pair, key: str) -> None:
    """The same with LiteLLM's own database; one after the other, since what one writes the next one reads."""
    found = differences(pair_with_database, KEYS[key], askers=1)
    assert not found, "\n".join(found)
