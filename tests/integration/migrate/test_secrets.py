"""routeiq-migrate prints no secret: of its settings, its arguments, or its database's URL."""

import subprocess

import pytest

from tests.support.processes import SCRIPTS, clean_environment
from tests.support.secret_places import MADE, SecretPlace

NOWHERE = "postgresql://user:pa55word-of-it@127.0.0.1:9/db"


def said(*arguments: str, **settings: str) -> str:
    """Run the command, which must fail, and return all that it prints."""
    done = subprocess.run(
        [SCRIPTS / "routeiq-migrate", *arguments],
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "name",
    [
        *(
            "LOG_LEVEL",
            "LOG_FORMAT",
            "DISABLE_SCHEMA_UPDATE",
            "LITELLM_MIGRATION_LOCK_TIMEOUT",
            "ROUTEIQ_LARGE_TABLE_MB",
        ),
        *("LITELLM_SET_REPLICA_IDENTITY_FULL", "LLMROUTER_OTEL_SAMPLE_RATE", "DATABASE_URL", "DIRECT_URL"),
    ],
)
def test_a_setting_is_refused_without_its_value(name: str) -> None:
    """A secret in any setting that is read as something else: the setting is named."""
    text = said("status", **{"DATABASE_URL": NOWHERE, name: MADE["key"]})
    assert name in text
    assert SecretPlace(name, "", MADE["key"]).shown_in(text) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:^@127.0.0.1:9/db",
        "postgresql://^:x@127.0.0.1:9/db?schema=a&schema",
        "postgresql://user@127.0.0.1:9/db?password=^",
        "postgresql://user:a/^@127.0.0.1/db",
        "postgresql://user:x@127.0.0.1:^/db",
        "postgresql://user:x@127.0.0.1:9/db?password=x&^=y",
        "mysql://user:^@127.0.0.1/db",
        "postgresql://user:x@127.0.0.1:9/db?sslmode=^",
        "prisma://accelerate.example/?api_key=^",
        "^",
    ],
)
def test_a_url_is_refused_without_its_secret(url: str) -> None:
    """In every form of a database's URL, whatever part of it holds the secret."""
    text = said("wait", "--limit", "0.5", DATABASE_URL=url.replace("^", MADE["key"]))
    assert SecretPlace(url, "", MADE["key"]).shown_in(text) is None
    assert "DATABASE_URL" in text or "127.0.0.1:9" in text


@pytest.mark.parametrize("arguments", [("^",), ("up", "--wait", "^"), ("up", "--token=^"), ("status", "--json=^")])
def test_an_argument_is_refused_without_its_value(arguments: tuple[str, ...]) -> None:
    """A secret on the command line is not printed."""
    text = said(*(argument.replace("^", MADE["key"]) for argument in arguments))
    assert "argument" in text
    assert SecretPlace("", "", MADE["key"]).shown_in(text) is None
