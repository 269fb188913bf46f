"""Reasons quote no value and are short."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from routeiq_gateway.configuration.telling.reasons import LONGEST, sentence, shorten
from tests.support.known_secrets import SECRET, refusal


def wrapped(error: ValidationError) -> Exception:
    """Return an exception that embeds the text of another."""
    outer = RuntimeError(f"cannot load: {error}")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("form", [lambda error: error, wrapped])
def test_pydantic_quotes_no_value(form: Callable[[ValidationError], Exception]) -> None:
    """The reason names the place and what was expected, and nothing of what was given."""
    said = sentence(form(refusal()))
    assert "values: Input should be a valid dictionary" in said
    assert not any(SECRET[at : at + 4] in said for at in range(len(SECRET) - 3))


@given(st.text(), st.integers(3, 50))
def test_a_reason_is_cut_by_bytes(text: str, most: int) -> None:
    """What fits stays as it is; what does not is cut between characters and ends in an ellipsis."""
    cut = shorten(text, most)
    assert len(cut.encode()) <= most
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))
    assert shorten("\ud800") == "?"
    assert len(shorten("é" * LONGEST).encode()) > LONGEST - 3
