"""References to variables, in every position of a configuration."""

from typing import Any

import pytest

from routeiq_gateway.configuration.findings import Findings
from routeiq_gateway.configuration.references import examine_references

HEADERS = "general_settings.pass_through_endpoints[0].headers.Authorization"


def at(path: str, value: str) -> dict[str, Any]:
    """Return a configuration with ``value`` at ``path``; ``[0]`` stands for the first item of a list."""
    place: Any = value
    for key in reversed(path.split(".")):
        place = {key.removesuffix("[0]"): [place] if key.endswith("[0]") else place}
    configuration: dict[str, Any] = place
    return configuration


WHOLE = (
    "model_list[0].model_name",
    "model_list[0].litellm_params.model",
    "model_list[0].litellm_params.extra_headers.Authorization",
    "guardrails[0].guardrail_name",
    "router_settings.redis_host",
    "litellm_settings.cache_params.password",
    "environment_variables.OTHER",
    "mcp_servers.one.args[0]",
    HEADERS,
)


@pytest.mark.parametrize("path", WHOLE)
def test_a_whole_value_is_looked_up_wherever_it_stands(path: str) -> None:
    """A variable that is not set refuses, an empty one warns, one that is set passes; the place is named."""
    config = at(path, "os.environ/X")
    (missing,) = examine_references(config, {}).errors
    assert missing.startswith(f"{path}: the environment variable X is not set")
    empty = examine_references(config, {"X": ""})
    assert not empty.errors
    assert empty.warnings[0].startswith(f"{path}: the environment variable X is empty")
    assert examine_references(config, {"X": "1"}) == Findings((), ())


def test_a_reference_within_a_header_of_a_pass_through_is_looked_up() -> None:
    """LiteLLM resolves `Bearer os.environ/X` there, so X has to be set."""
    config = at(HEADERS, "Bearer os.environ/X")
    assert examine_references(config, {}).errors[0].startswith(f"{HEADERS}: the environment variable X is not set")
    assert examine_references(config, {"X": ""}).warnings
    assert examine_references(config, {"X": "1"}) == Findings((), ())


@pytest.mark.parametrize(
    "path", ["mcp_servers.one.static_headers.Authorization", "model_list[0].litellm_params.api_key"]
)
def test_a_reference_within_another_value_is_told(path: str) -> None:
    """LiteLLM sends it as it stands: no refusal, since stock serves it, but a warning."""
    found = examine_references(at(path, "Bearer os.environ/X"), {"X": "1"})
    assert not found.errors
    assert found.warnings[0].startswith(f"{path}: LiteLLM resolves a reference here only where it is the whole value")


def test_a_text_that_speaks_of_a_reference_is_none() -> None:
    """An answer or a description may hold the words."""
    config = at("model_list[0].litellm_params.mock_response", "write os.environ/X")
    assert examine_references(config, {}) == Findings((), ())


def test_the_database_may_be_kept_from_litellm() -> None:
    """Its setting is no fault then; another setting that would use the same variable is."""
    kept = frozenset({"DATABASE_URL"})
    config = at("general_settings.database_url", "os.environ/DATABASE_URL")
    assert examine_references(config, {}, kept=kept) == Findings((), ())
    assert examine_references(config, {}).errors
    elsewhere = at("model_list[0].litellm_params.api_base", "os.environ/DATABASE_URL")
    assert "is kept from LiteLLM" in examine_references(elsewhere, {}, kept=kept).errors[0]


def test_what_is_resolved_elsewhere_is_not_looked_up() -> None:
    """A secret manager and an identity provider answer for their names."""
    config = at("general_settings.master_key", "os.environ/X")
    config["general_settings"]["key_management_system"] = "aws_secret_manager"
    assert examine_references(config, {}) == Findings((), ())
    token = at("model_list[0].litellm_params.api_key", "os.environ/oidc/google/audience")
    assert examine_references(token, {}) == Findings((), ())


def test_a_variable_of_the_configuration_itself_comes_too_late() -> None:
    """LiteLLM resolves references before it sets `environment_variables`: a warning says so."""
    config = at("model_list[0].litellm_params.api_key", "os.environ/X") | {"environment_variables": {"X": "1"}}
    found = examine_references(config, {})
    assert not found.errors
    assert "set the variable for the gateway" in found.warnings[0]


def test_what_is_no_name_is_not_shown() -> None:
    """A key that was pasted behind the prefix does not come into a message."""
    found = examine_references(at("model_list[0].litellm_params.api_key", "os.environ/sk-abc-123"), {})
    assert "sk-abc" not in found.errors[0]
