"""Faults of a configuration that LiteLLM passes over in silence."""

from routeiq_gateway.litellm_edge.checks import (
    Model,
    declared_guardrails,
    declared_models,
    keep_models,
    mock_model,
    not_loaded,
    summary,
)


def test_what_litellm_leaves_out_is_found() -> None:
    """Deployments and guardrails that were declared and not loaded are listed, repeats counted."""
    entry = {"model_name": "a", "litellm_params": {"model": "openai/x"}}
    config = {"model_list": [entry, entry], "guardrails": [{"guardrail_name": "g"}]}
    declared = declared_models(config)
    assert declared == [Model("a", "openai/x")] * 2
    assert not_loaded(declared, [Model("a", "openai/x")]) == [Model("a", "openai/x")]
    assert not_loaded(declared, declared) == []
    assert declared_guardrails(config) == ["g"]


def test_what_is_not_loaded_here_is_left_out_in_its_place() -> None:
    """An entry that is not wanted becomes empty, so that the others are counted as in the file."""
    one, other = {"model_name": "one"}, {"model_name": "other"}
    kept = keep_models({"model_list": [one, other], "x": 1}, lambda entry: entry is other)
    assert kept == {"model_list": [{}, other], "x": 1}
    assert keep_models({"x": 1}, lambda _entry: False) == {"x": 1}


def test_a_summary_is_short() -> None:
    """Many problems are counted, not listed."""
    assert summary(["a", "b"]) == "a; b"
    assert summary([str(number) for number in range(12)]) == "0; 1; 2; 3; 4; and 7 more"


def test_the_mock_model_is_the_first_that_answers_without_a_provider() -> None:
    """A trial asks only where it costs nothing."""
    plain = {"model_name": "real", "litellm_params": {"model": "openai/x"}}
    mock = {"model_name": "mock", "litellm_params": {"model": "openai/x", "mock_response": "hi"}}
    assert mock_model({"model_list": [plain, mock]}) == "mock"
    assert mock_model({"model_list": [plain]}) is None
    failing = {"model_name": "no", "litellm_params": {"mock_response": "litellm.RateLimitError"}}
    assert mock_model({"model_list": [failing]}) is None
    assert mock_model({}) is None
