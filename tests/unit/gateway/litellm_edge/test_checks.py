"""Faults of a configuration that LiteLLM passes over in silence."""

from routeiq_gateway.litellm_edge.checks import (
    Model,
    declared_guardrails,
    declared_models,
    missing_variables,
    mock_model,
    not_loaded,
    summary,
)


def test_missing_variables_are_named_with_their_place() -> None:
    """Each reference to a variable that is not set gives a sentence; set ones and the config's own do not."""
    config = {
        "model_list": [{"litellm_params": {"api_key": "os.environ/ABSENT"}}, {"x": "os.environ/PRESENT"}],
        "environment_variables": {"OWN": "1"},
        "general_settings": {"master_key": "os.environ/OWN"},
    }
    (sentence,) = missing_variables(config, {"PRESENT": "1"})
    assert sentence.startswith("model_list[0].litellm_params.api_key: the environment variable ABSENT is not set")
    config["general_settings"] = {"key_management_system": "aws_secret_manager"}
    assert missing_variables(config, {}) == []


def test_what_litellm_leaves_out_is_found() -> None:
    """Deployments and guardrails that were declared and not loaded are listed, repeats counted."""
    entry = {"model_name": "a", "litellm_params": {"model": "openai/x"}}
    elsewhere = entry | {"model_info": {"supported_environments": ["production"]}}
    config = {"model_list": [entry, entry, elsewhere], "guardrails": [{"guardrail_name": "g"}]}
    declared = declared_models(config, environment_name="staging")
    assert declared == [Model("a", "openai/x")] * 2
    assert len(declared_models(config, environment_name="production")) == 3
    assert not_loaded(declared, [Model("a", "openai/x")]) == [Model("a", "openai/x")]
    assert not_loaded(declared, declared) == []
    assert declared_guardrails(config) == ["g"]


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
    assert mock_model({}) is None
