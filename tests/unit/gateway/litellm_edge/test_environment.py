"""The variables that LiteLLM reads."""

import os

import pytest

from routeiq_gateway.litellm_edge.environment import keep_database_from, take_secrets


def test_litellm_can_be_kept_from_the_database() -> None:
    """The variables that name a database are removed, others stay, and the result says whether there were any."""
    environment = {"DATABASE_URL": "a", "DIRECT_URL": "b", "DATABASE_URL_READ_REPLICA": "c", "PORT": "4000"}
    assert keep_database_from(environment)
    assert environment == {"PORT": "4000"}
    assert not keep_database_from(environment)


@pytest.mark.parametrize("database", [True, False])
def test_secrets_go_before_the_environment(monkeypatch: pytest.MonkeyPatch, *, database: bool) -> None:
    """They stand in the process's environment and in the one that is returned; none brings a database back."""
    for name in ("A_KEY", "ANOTHER_KEY", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    environment = {"A_KEY": "of the environment", "PORT": "4000"}
    secrets = {"A_KEY": "of a file", "ANOTHER_KEY": "x", "DATABASE_URL": "postgresql://h/d"}
    expected = {**environment, **secrets}
    if not database:
        del expected["DATABASE_URL"]
    assert take_secrets(environment, secrets, database=database) == expected
    assert {name: os.environ.get(name) for name in secrets} == {name: expected.get(name) for name in secrets}
    assert environment["A_KEY"] == "of the environment"
    for name in secrets:
        os.environ.pop(name, None)
