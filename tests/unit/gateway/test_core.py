import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_gateway.core.checks import (
    Model,
    declared_guardrails,
    declared_models,
    missing_variables,
    mock_model,
    not_loaded,
    summary,
)
from routeiq_gateway.core.documents import FileEntry, digest_of
from routeiq_gateway.core.overrides import BadOverrideError, apply_overrides, find_overrides
from routeiq_gateway.core.redact import MASK, is_secret_name, mask, scrub, secrets_of

ENTRIES = st.lists(
    st.builds(FileEntry, st.text(min_size=1), st.integers(0, 1 << 40), st.text(string.hexdigits, min_size=64)),
    unique_by=lambda entry: entry.path,
)


@given(ENTRIES, st.randoms())
def test_the_digest_depends_on_content_alone(entries: list[FileEntry], random: Any) -> None:
    """The order in which files are listed does not matter; any change of a file does."""
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert digest_of(entries) == digest_of(shuffled)
    if entries:
        first = entries[0]
        changed = [FileEntry(first.path, first.size + 1, first.sha256), *entries[1:]]
        assert digest_of(changed) != digest_of(entries)


def test_an_override_is_yaml_at_a_path_of_keys() -> None:
    """Sections and keys are lower case, deeper keys follow further `__`, values are YAML."""
    environment = {
        "LITELLM_ROUTER_SETTINGS__NUM_RETRIES": "3",
        "LITELLM_LITELLM_SETTINGS__CACHE_PARAMS__TYPE": "redis",
        "LITELLM_ENVIRONMENT_VARIABLES__My_Name": "x",
        "LITELLM_MASTER_KEY": "sk-1",
        "LITELLM_LOG": "INFO",
    }
    overrides = find_overrides(environment)
    assert {override.path: override.value for override in overrides} == {
        ("router_settings", "num_retries"): 3,
        ("litellm_settings", "cache_params", "type"): "redis",
        ("environment_variables", "My_Name"): "x",
    }


def test_overrides_leave_the_rest_and_the_original_alone() -> None:
    """Setting one key keeps its neighbours, and the mapping that was given stays as it was."""
    config = {"router_settings": {"num_retries": 1, "timeout": 5}, "model_list": []}
    overrides = find_overrides({"LITELLM_ROUTER_SETTINGS__NUM_RETRIES": "3", "LITELLM_GENERAL_SETTINGS__A__B": "[1]"})
    assert apply_overrides(config, overrides) == {
        "router_settings": {"num_retries": 3, "timeout": 5},
        "model_list": [],
        "general_settings": {"a": {"b": [1]}},
    }
    assert config["router_settings"] == {"num_retries": 1, "timeout": 5}


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LITELLM_NOSUCH__KEY", "1", "no section 'nosuch'"),
        ("LITELLM_ROUTER_SETTINGS__", "1", "an empty key"),
        ("LITELLM_ROUTER_SETTINGS__X", "[1", "not YAML at column"),
    ],
)
def test_a_bad_override_is_named(variable: str, value: str, named: str) -> None:
    """The message names the variable and what is wrong, and does not quote the value."""
    with pytest.raises(BadOverrideError, match=named) as caught:
        find_overrides({variable: value})
    assert variable in str(caught.value)


def test_an_override_through_a_scalar_is_refused() -> None:
    """A key below something that is no mapping cannot be set."""
    overrides = find_overrides({"LITELLM_ROUTER_SETTINGS__A__B": "1"})
    with pytest.raises(BadOverrideError, match=r"router_settings\.a is not a mapping"):
        apply_overrides({"router_settings": {"a": 1}}, overrides)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("master_key", True),
        ("aws_secret_access_key", True),
        ("redis_password", True),
        ("vertex_credentials", True),
        ("max_tokens", False),
        ("tokens_per_minute", False),
        ("input_cost_per_token", False),
        ("key_management_system", False),
        ("model", False),
    ],
)
def test_secret_names(name: str, secret: bool) -> None:  # noqa: FBT001 - a column of the table
    """Settings that hold secrets are told by their names; counts and costs are not secrets."""
    assert is_secret_name(name) is secret


def test_masking_keeps_the_shape_and_the_references() -> None:
    """What is printed shows which secret is set and where it comes from, never its value."""
    config = {
        "model_list": [{"litellm_params": {"model": "openai/x", "api_key": "sk-1", "api_base": "https://u:p@h/v1"}}],
        "general_settings": {"master_key": "os.environ/KEY", "max_tokens": 5, "alerting_tokens": None},
    }
    assert mask(config) == {
        "model_list": [
            {"litellm_params": {"model": "openai/x", "api_key": MASK, "api_base": f"https://u:{MASK}@h/v1"}}
        ],
        "general_settings": {"master_key": "os.environ/KEY", "max_tokens": 5, "alerting_tokens": None},
    }


def test_a_reason_is_scrubbed_of_every_secret() -> None:
    """Secrets of the file, of the variables it refers to and of secret variables are taken out of a message."""
    config = {"a": {"api_key": "sk-in-the-file", "token": "os.environ/TOKEN"}}
    environment = {"TOKEN": "token-of-the-environment", "SOME_SECRET": "another-secret", "HOME": "/home"}
    secrets = secrets_of(config, environment)
    message = "sk-in-the-file token-of-the-environment another-secret postgres://user:pa/ss@host /home"
    assert scrub(message, secrets) == f"{MASK} {MASK} {MASK} postgres://user:{MASK}@host /home"


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
