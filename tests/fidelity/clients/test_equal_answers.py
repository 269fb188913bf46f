"""What real clients are answered by stock LiteLLM and by the gateway, value by value."""

from typing import Any

import pytest

from tests.support.clients import CALLS
from tests.support.clients.compared import comparable
from tests.support.clients.connections import Connections
from tests.support.clients.sides import Sides


def both(sides: Sides, name: str) -> list[Any]:
    """Return what stock and what the gateway answer to one call."""
    answers = []
    for base in sides.bases:
        with Connections(base) as to:
            answers.append(comparable(CALLS[name](to)))
    return answers


@pytest.mark.parametrize("name", CALLS)
def test_a_client_is_answered_what_stock_answers(sides: Sides, name: str) -> None:
    """A client of the API's own maker gets the same values from the gateway as from stock LiteLLM."""
    stock, ours = both(sides, name)
    assert ours == stock
