"""Secrets stay out of what is printed and of every message."""

import pytest

from routeiq_gateway.configuration.harmless import MASK
from routeiq_gateway.configuration.redact import is_secret_name, mask, scrub, secrets_of
from tests.support.known_secrets import SECRET, refusal


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
    """Variables of the environment that hold secrets are told by their names; counts and costs are not secrets."""
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
