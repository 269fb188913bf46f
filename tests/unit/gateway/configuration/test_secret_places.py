"""No output of the gateway's rules shows a secret, wherever an operator put it, and each still names the place."""

import json
from typing import Any

import pytest
import yaml

from routeiq_gateway.configuration.loading import BadRevisionError, load_config, texts_of
from routeiq_gateway.configuration.redact import mask, scrub, secrets_of
from routeiq_gateway.configuration.references import examine_references
from routeiq_gateway.configuration.telling.reasons import sentence
from tests.support.known_secrets import refusal
from tests.support.secret_places import SecretPlace, secret_places

PLACES = {place.name: place for place in secret_places()}
READ: dict[str, Any] = {}
BROKEN: dict[str, str] = {}
for name, found in PLACES.items():
    try:
        READ[name] = load_config(found.config.encode())
    except BadRevisionError as error:
        BROKEN[name] = str(error)


def scalars(value: Any) -> list[Any]:
    """Return the keys and values in ``value``."""
    if isinstance(value, dict):
        return [*value, *(below for inner in value.values() for below in scalars(inner))]
    return [below for inner in value for below in scalars(inner)] if isinstance(value, list) else [value]


def check(place: SecretPlace, text: str) -> None:
    """Fail where ``text`` shows the secret."""
    assert place.shown_in(text) is None, text


def test_the_table_is_large() -> None:
    """The sweeps below are not empty."""
    assert len(PLACES) > 400
    assert len(READ) > 350
    assert len(BROKEN) > 20


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_told_by_its_line(name: str) -> None:
    """The reason quotes nothing of the file, and says where to look."""
    check(PLACES[name], BROKEN[name])
    assert "config.yaml" in BROKEN[name]
    assert "at line " in BROKEN[name] or "cannot be parsed" in BROKEN[name] or "expected a mapping" in BROKEN[name]


@pytest.mark.parametrize("name", READ)
def test_the_printed_configuration_shows_no_secret(name: str) -> None:
    """Its shape is kept, so that an operator sees what is set."""
    shown = mask(READ[name])
    check(PLACES[name], yaml.safe_dump(shown))
    assert len(scalars(shown)) == len(scalars(READ[name]))


@pytest.mark.parametrize("name", READ)
def test_no_place_and_no_reference_shows_a_secret(name: str) -> None:
    """Paths to values, and sentences about references."""
    for where, _text in texts_of(READ[name]):
        check(PLACES[name], where)
    findings = examine_references(READ[name], {})
    check(PLACES[name], " ".join((*findings.errors, *findings.warnings)))


@pytest.mark.parametrize("name", READ)
def test_a_text_that_quotes_the_configuration_shows_no_secret(name: str) -> None:
    """LiteLLM, pydantic and Python quote keys and values whole, shortened, by repr and as JSON."""
    config, place = READ[name], PLACES[name]
    secrets = secrets_of(config, {})
    quoting = [f"wrong: {value}, {value!r}; {str(value)[:20]}... ...{str(value)[-15:]}" for value in scalars(config)]
    said = [repr(config), yaml.safe_dump(config), *quoting]
    said += [sentence(refusal(value)) for value in scalars(config) if not isinstance(value, dict)]
    for text in said:
        check(place, scrub(text, secrets))
        check(place, scrub(json.dumps({"message": text}), secrets))
