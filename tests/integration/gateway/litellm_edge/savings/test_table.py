"""Savings take their places in the installed LiteLLM, and stand back in another."""

import copy
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from routeiq_gateway.litellm_edge.savings import of_litellm
from routeiq_gateway.litellm_edge.savings import table as savings
from tests.support.savings import original


@pytest.fixture(scope="module", autouse=True)
def _proxy() -> None:
    importlib.import_module("litellm.proxy.proxy_server")


def test_every_saving_fits_the_installed_litellm() -> None:
    """An upgrade of LiteLLM that changes what a saving replaces is noticed here, not by its users."""
    texts = {
        saving.name: savings.digest(saving.rests_on(saving.place()[2]))
        for saving in savings.SAVINGS
        if saving.text is not None
    }
    assert texts == {saving.name: saving.text for saving in savings.SAVINGS if saving.text is not None}


def test_a_saving_stands_back() -> None:
    """Where the text is another, the name has gone or the module has, LiteLLM's own stays, and the reason is told."""
    module = "litellm.litellm_core_utils.llm_cost_calc.zero_cost_diagnostic"
    before = original("_declares_a_rate")
    left_out = savings.apply(
        (
            savings.Saving(module, "_declares_a_rate", of_litellm.same_rates, "another text"),
            savings.Saving(module, "Gone.declares", of_litellm.same_rates),
            savings.Saving("litellm.no_such_module", "declares", of_litellm.same_rates),
            savings.Saving(module, "zero_cost_finding", lambda asked: asked.no_such_name),
            savings.Saving("math", "sqrt", lambda asked: asked, "the text of a function in C"),
        )
    )
    assert original("_declares_a_rate") is before
    assert list(left_out) == ["_declares_a_rate", "Gone.declares", "declares", "zero_cost_finding", "sqrt"]
    assert "words it differently" in left_out["_declares_a_rate"]


def test_savings_take_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them apply to the installed LiteLLM."""
    for saving in savings.SAVINGS:
        monkeypatch.setattr(*saving.place(), raising=False)  # puts it back after the test
    before = [saving.place()[2] for saving in savings.SAVINGS]
    assert savings.apply() == {}
    assert all(saving.place()[2] is not old for saving, old in zip(savings.SAVINGS, before, strict=True))


def replaced() -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    """Return each function that is replaced, with its replacement."""
    pairs: list[tuple[Any, Any]] = [(copy.deepcopy, of_litellm.deepcopy)]
    for saving in savings.SAVINGS:
        before = saving.place()[2]
        if not inspect.ismodule(before):
            after: Any = saving.by(before)
            pairs.append((getattr(before, "__func__", before), getattr(after, "__func__", after)))
    return pairs


def test_savings_are_called_like_what_they_replace() -> None:
    """Each takes every argument by its place and by its name."""
    for before, after in replaced():
        if isinstance(before, type):  # one to ask for instances of, which nobody calls
            assert isinstance(after, type)
            continue
        parameters = list(inspect.signature(before).parameters.values())
        own = [each for each in parameters if each.name == "self"]
        public = [each for each in parameters if each.name != "self" and not each.name.startswith("_")]
        placed = [each for each in public if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        named = [each for each in public if each not in placed]
        signature = inspect.signature(after)
        signature.bind(*own, *placed, **{each.name: each for each in named})
        signature.bind(*own, **{each.name: each for each in public})
