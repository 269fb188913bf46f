import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from routeiq_gateway.configuration.overrides import BadOverrideError, apply_overrides, find_overrides
from routeiq_gateway.configuration.reasons import LONGEST, sentence, shorten
from routeiq_gateway.configuration.redact import MASK, is_secret_name, mask, scrub, secrets_of
from routeiq_gateway.litellm_edge.checks import (
    Model,
    declared_guardrails,
    declared_models,
    missing_variables,
    mock_model,
    not_loaded,
    summary,
)
from routeiq_gateway.volume.documents import FileEntry, digest_of

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


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("master_key", True),
        ("aws_secret_access_key", True),
        ("redis_password", True),
        ("vertex_credentials", True),
        ("DB_PASS", True),
        ("SMTP_PWD", True),
        ("basic_auth", True),
        ("AUTH_VALUE", True),
        ("environment_variables", True),
        ("pass_through_endpoints", False),
        ("use_in_pass_through", False),
        ("custom_auth", False),
        ("auth_type", False),
        ("authorized_routes", False),
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


def test_variables_of_the_configuration_are_secret() -> None:
    """What a configuration sets as variables is masked where it is printed, and taken out of every message."""
    config = {"environment_variables": {"DB_HOST": "hunter-2-host", "SMTP": 4711_4711, "REFERS": "os.environ/X"}}
    assert mask(config) == {"environment_variables": {"DB_HOST": MASK, "SMTP": MASK, "REFERS": "os.environ/X"}}
    assert scrub("hunter-2-host 47114711", secrets_of(config, {"PWD": "/directory"})) == f"{MASK} {MASK}"
    assert scrub("/directory", secrets_of(config, {"PWD": "/directory"})) == "/directory"


SECRET = "sk-5a1b2c3d4e5f60718293a4b5c6d7e8f9-0f1e2d3c4b5a69788796"


class Credential(BaseModel):
    """A model that refuses what is no mapping, and quotes it."""

    values: dict[str, str]


def refusal(secret: object = SECRET) -> ValidationError:
    """Return pydantic's refusal of a secret."""
    with pytest.raises(ValidationError) as caught:
        Credential.model_validate({"values": secret})
    return caught.value


def wrapped(error: ValidationError) -> Exception:
    """Return an exception that embeds the text of another."""
    try:
        raise RuntimeError(f"cannot load: {error}") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize("form", [lambda error: error, wrapped])
def test_pydantic_quotes_no_value(form: Callable[[ValidationError], Exception]) -> None:
    """The reason names the place and what was expected, and nothing of what was given."""
    said = sentence(form(refusal()))
    assert "values: Input should be a valid dictionary" in said
    assert not any(SECRET[at : at + 4] in said for at in range(len(SECRET) - 3))


@pytest.mark.parametrize("given_secret", [SECRET, [SECRET], SECRET + "\n'" + SECRET])
def test_what_pydantic_leaves_of_a_secret_is_scrubbed(given_secret: str | list[str]) -> None:
    """The passage that quotes a shortened value is cut, wherever the text comes from; what stands around it stays."""
    said = scrub(f"before {refusal(given_secret)} after", {str(given_secret)})
    assert said.startswith("before 1 validation error for Credential\nvalues\n")
    assert said.endswith(" after")
    assert f"input_value={MASK}, input_type=" in said
    assert not any(SECRET[at : at + 4] in said for at in range(len(SECRET) - 3))


def test_long_pieces_of_a_secret_are_scrubbed() -> None:
    """Beginning and end of a secret do not show, nor its escaped form; scheme, host and database of a URL do."""
    secrets = {SECRET, "two\nlines of a secret", "postgres://user:a-long-password@host/litellm"}
    assert scrub(f"<{SECRET[:20]}...{SECRET[-9:]}>", secrets) == f"<{MASK}...{MASK}>"
    assert scrub(repr("two\nlines of a secret"), secrets) == f"'{MASK}'"
    plain = "postgres://host /opt/litellm of https://host"
    assert scrub(f"{plain} a-long-pa", secrets) == f"{plain} {MASK}"


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["m", "://", "a://a", "a://a:", "a://u:@", "input_value=", SECRET[:9], "z"])
def test_scrubbing_takes_time_by_length(piece: str) -> None:
    """A message of a megabyte is scrubbed within seconds, whatever repeats in it."""
    scrub(piece * (1_000_000 // len(piece)), {SECRET, "z" * 1000 + "y", "z" * 50})


@given(st.text(), st.integers(3, 50))
def test_a_reason_is_cut_by_bytes(text: str, most: int) -> None:
    """What fits stays as it is; what does not is cut between characters and ends in an ellipsis."""
    cut = shorten(text, most)
    assert len(cut.encode()) <= most
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))
    assert shorten("\ud800") == "?"
    assert len(shorten("é" * LONGEST).encode()) > LONGEST - 3


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
