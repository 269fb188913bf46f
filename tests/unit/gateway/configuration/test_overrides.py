"""Variables that win over the configuration file."""

import pytest

from routeiq_gateway.configuration.overrides import BadOverrideError, apply_overrides, find_overrides


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
        ("LITELLM_ROUTER_SETTINGS__X", "2024-99-99", "not YAML: a date"),
        ("LITELLM_ROUTER_SETTINGS__X", "7" * 6000, "not YAML: a date"),
        ("LITELLM_ROUTER_SETTINGS__X", "[" * 5000, "not YAML: a date"),
        ("LITELLM_ROUTER_SETTINGS__X", "!!timestamp x", "not YAML: a date"),
        ("LITELLM_ROUTER_SETTINGS__X", "!!bool x", "not YAML: a date"),
        ("LITELLM_ROUTER_SETTINGS__X", "!!int ''", "not YAML: a date"),
        ("LITELLM_GENERAL_SETTINGS__MASTER_KEY", "12345", "quote it"),
        ("LITELLM_GENERAL_SETTINGS__MASTER_KEY", "yes", "quote it"),
    ],
)
def test_a_bad_override_is_named(variable: str, value: str, named: str) -> None:
    """The message names the variable and what is wrong, and does not quote the value."""
    with pytest.raises(BadOverrideError, match=named) as caught:
        find_overrides({variable: value})
    assert variable in str(caught.value)


def test_a_quoted_master_key_is_taken() -> None:
    """Digits are a key where they are a text."""
    (override,) = find_overrides({"LITELLM_GENERAL_SETTINGS__MASTER_KEY": '"12345"'})
    assert override.value == "12345"


def test_an_override_through_a_scalar_is_refused() -> None:
    """A key below something that is no mapping cannot be set."""
    overrides = find_overrides({"LITELLM_ROUTER_SETTINGS__A__B": "1"})
    with pytest.raises(BadOverrideError, match=r"router_settings\.a is not a mapping"):
        apply_overrides({"router_settings": {"a": 1}}, overrides)
