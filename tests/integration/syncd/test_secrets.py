"""No output of a syncd that runs shows a secret: status, log, and what the commands print."""

import json

import pytest

from tests.support.secret_places import MADE, SecretPlace, secret_places
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

EACH = [place for place in secret_places() if place.name.endswith(": key")]
COMMANDS = [("status",), ("explain",), ("once",)]


def test_findings_of_a_running_syncd(syncd: Syncd) -> None:
    """Status, explanation and log, of every place in turn; each refusal names the line."""
    syncd.write(config())
    refused = set()
    with syncd.run() as process:
        wait_for("a revision", (syncd.volume / "current").exists)
        for place in EACH:
            syncd.write(place.config)
            answer = json.dumps(syncd.command("POST", "/poll")[1])
            told = [answer, json.dumps(syncd.status()), json.dumps(syncd.command("GET", "/explain")[1])]
            assert [text for text in told if place.shown_in(text)] == [], place.name
            if '"refused": {' in answer:
                refused.add(place.name)
                assert "config.yaml:" in answer
        text = process.text()
    assert len(refused) > 15
    assert [place.name for place in EACH if place.shown_in(text)] == []


@pytest.mark.parametrize("name", ["a tag: key", "a key twice: key", "a section: key", "model_name: key"])
def test_commands_print_no_secret(syncd: Syncd, name: str) -> None:
    """`validate`, `once`, `status` and `explain`, on both of their streams."""
    place = next(place for place in EACH if place.name == name)
    syncd.write(place.config)
    for arguments in (("validate", str(syncd.config)), *COMMANDS):
        done = syncd.call(*arguments)
        assert place.shown_in(done.stdout + done.stderr) is None, arguments
        assert done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "template"),
    [
        ("DATABASE_URL", "postgresql://user:^@127.0.0.1:9/db"),
        ("DATABASE_URL", "postgresql://user@127.0.0.1:9/db?password=^"),
        ("DATABASE_URL", "postgresql://127.0.0.1:9/db?sslpassword=x&^=1"),
        ("DATABASE_URL", "mysql://user:^@127.0.0.1/db"),
        ("DATABASE_URL", "^"),
        ("DIRECT_URL", "postgres://user:^@[::1]:x/db"),
        ("CONFIG_SOURCE", "^"),
        ("CONFIG_SYNC_INTERVAL", "^"),
        ("SYNCD_ADDR", "^"),
        ("LOG_LEVEL", "^"),
        ("LLMROUTER_HA_MODE", "^"),
        ("ROUTEIQ_CONFIG_KEY", "^"),
        ("ROUTEIQ_MAX_ROW_BYTES", "^"),
        ("AWS_ENDPOINT_URL_S3", "^"),
    ],
)
def test_settings_are_refused_without_their_values(syncd: Syncd, variable: str, template: str) -> None:
    """The setting is named, what stands in it is not."""
    settings = {"DATABASE_URL": "postgresql://user@127.0.0.1:9/db"} | {variable: template.replace("^", MADE["key"])}
    done = syncd.call("fleet", **settings)
    place = SecretPlace(variable, "", MADE["key"])
    assert done.returncode != 0
    assert place.shown_in(done.stdout + done.stderr) is None


@pytest.mark.parametrize("arguments", [("@",), ("status", "--token=@"), ("history", "@"), ("once", "--json=@")])
def test_arguments_are_refused_without_their_values(syncd: Syncd, arguments: tuple[str, ...]) -> None:
    """A secret on the command line is not printed."""
    done = syncd.call(*(argument.replace("@", MADE["key"]) for argument in arguments))
    assert done.returncode == 2
    assert SecretPlace("", "", MADE["key"]).shown_in(done.stderr) is None
    assert "argument" in done.stderr
