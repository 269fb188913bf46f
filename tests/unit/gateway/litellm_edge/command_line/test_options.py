"""What becomes of LiteLLM's own options."""

import pytest

from routeiq_gateway.__main__ import main
from routeiq_gateway.litellm_edge.command_line.options import (
    FALSE,
    OPTIONS,
    TRUE,
    Option,
    refused_arguments,
    refused_variables,
)
from routeiq_gateway.litellm_edge.environment import drop_empty

REFUSED = [option for option in OPTIONS if option.variable and option.advice]


@pytest.mark.parametrize("option", REFUSED, ids=lambda option: option.variable)
def test_a_refused_variable_is_named_with_what_to_do(option: Option) -> None:
    """One sentence names the variable and the alternative, and quotes no value; empty is unset."""
    value = min(option.refused, default="a-value-of-some-kind")
    (sentence,) = refused_variables({option.variable: value})
    assert sentence.startswith(f"{option.variable}: ")
    assert "unset it" in sentence
    assert "a-value" not in sentence
    assert refused_variables({option.variable: ""}) == []


def test_a_value_that_changes_nothing_is_accepted() -> None:
    """What asks for what the gateway does anyway is no reason to refuse."""
    for value in TRUE:
        assert refused_variables({"USE_V2_MIGRATION_RESOLVER": value}) == []
    for value in FALSE:
        assert refused_variables({"LITELLM_PGBOUNCER_ENABLED": value}) == []


def test_an_option_of_litellms_command_is_answered_with_what_to_do() -> None:
    """Whoever gives LiteLLM's option to routeiq-gateway is told the variable or the other way; a value is no option."""
    assert list(refused_arguments(["--num_workers", "4"])) == ["--num_workers: set NUM_WORKERS"]
    assert list(refused_arguments(["--config=/x.yaml"])) == ["--config: set LITELLM_CONFIG_PATH, which syncd reads"]
    for option in OPTIONS:
        if option.option:
            (sentence,) = refused_arguments([option.option])
            assert option.advice or option.variable in sentence


def test_the_command_refuses_litellms_options_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """`routeiq-gateway --run_gunicorn` ends with 2 and says what to do."""
    with pytest.raises(SystemExit, match="2"):
        main(["--run_gunicorn"])
    assert "--run_gunicorn: the gateway is its own server; leave it out" in capsys.readouterr().err


def test_empty_variables_of_litellm_are_dropped_and_others_stay() -> None:
    """All of the table, and all that begin like LiteLLM's; a configuration may refer to any other."""
    environment = {option.variable: "" for option in OPTIONS if option.variable}
    environment |= {"LITELLM_ANYTHING": "", "OTHERS": "", "LITELLM_LOG": "INFO"}
    drop_empty(environment)
    assert environment == {"OTHERS": "", "LITELLM_LOG": "INFO"}
