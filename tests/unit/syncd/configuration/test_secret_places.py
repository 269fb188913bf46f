"""No finding of syncd's shows a secret, wherever an operator put it, and each names the file and the line."""

import re

import pytest

from routeiq_syncd.configuration.bundle import make_bundle
from routeiq_syncd.configuration.problem import reason_of
from routeiq_syncd.configuration.rules import Findings, validate
from tests.support.secret_places import secret_places

PLACES = {place.name: place for place in secret_places()}


def findings_of(config: str) -> Findings:
    """Return what syncd says of a configuration."""
    bundle = make_bundle({"config.yaml": config.encode()})
    return validate(bundle, kind="file", environment=frozenset())


@pytest.mark.parametrize("name", PLACES)
def test_no_finding_shows_a_secret(name: str) -> None:
    """Errors and warnings, as they stand in the status, the log and the row of a refusal."""
    found = findings_of(PLACES[name].config)
    for problem in (*found.errors, *found.warnings):
        assert PLACES[name].shown_in(problem.text()) is None, problem.text()
        assert re.match(r"config\.yaml:\d+: ", problem.text()), problem.text()
    assert PLACES[name].shown_in(reason_of(found.errors)) is None


def test_enough_places_are_found() -> None:
    """The sweep above is not empty: many places are refused, many doubted."""
    found = [findings_of(place.config) for place in PLACES.values()]
    assert sum(bool(each.errors) for each in found) > 60
    assert sum(bool(each.warnings) for each in found) > 20


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("router_setings: {a: 1}\n", "unknown section 'router_setings'; did you mean 'router_settings'?"),
        ("model_list: 5\n", "'model_list' must be a list"),
        ("general_settings: {master_key: os.environ/ACME_GATEWAY_KEY}\n", "variable ACME_GATEWAY_KEY is not set"),
        (
            "general_settings:\n  master_key: 1\n  master_key: 2\n",
            "config.yaml:3: the key 'master_key' stands on line 2",
        ),
        ("router_settings: {fallbacks: [{acme-chat: [gpt-4o-min]}]}\n", "'gpt-4o-min' is not in model_list"),
        ("include: [models/acme-prod.yaml]\n", "'models/acme-prod.yaml' is not there"),
        ("a: !ENV x\n", "config.yaml:1: the YAML is broken: could not determine a constructor for the tag"),
    ],
)
def test_what_an_operator_needs_is_shown(config: str, told: str) -> None:
    """Keys, names of models and variables, paths and lines stay, where they read as such."""
    found = findings_of(config)
    said = " ".join(problem.text() for problem in (*found.errors, *found.warnings))
    assert told in said
