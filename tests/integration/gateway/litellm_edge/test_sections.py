"""Names and kinds of values in router_settings and litellm_settings, judged by a real LiteLLM."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, config_with, gateway


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the module, with a variable that holds a number."""
    with gateway(tmp_path_factory.mktemp("gateway"), port=None, ROUTEIQ_WORKERS="1", TWO="2") as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        yield running


REFUSED = {
    "router_settings: {num_retries: two}": ["router_settings.num_retries", "expected a number", "found a text"],
    "router_settings: {num_retries: '2'}": ["router_settings.num_retries", "expected a number", "without quotes"],
    "router_settings: {num_retries: os.environ/TWO}": ["router_settings.num_retries", "write the number into the file"],
    "router_settings: {timeout: soon}": ["router_settings.timeout", "expected a number", "found a text"],
    "router_settings: {timeout: [30]}": ["router_settings.timeout", "expected a number", "found a list"],
    "litellm_settings: {num_retries: two}": ["litellm_settings.num_retries", "expected a number", "found a text"],
    "litellm_settings: {request_timeout: soon}": ["litellm_settings.request_timeout", "expected a number"],
    "litellm_settings: {cache: 'true'}": ["litellm_settings.cache", "expected true or false, found a text"],
    "litellm_settings: {cache: []}": ["litellm_settings.cache", "expected true or false, found a list"],
    "litellm_settings: {cache: true, cache_params: {type: redsi}}": [
        "litellm_settings.cache_params.type",
        "'redsi'",
        "did you mean 'redis'?",
        "expected one of local, redis,",
    ],
}


@pytest.mark.parametrize("setting", REFUSED)
def test_a_value_that_fails_requests_is_refused(judging: Gateway, setting: str) -> None:
    """The reason names the key, what was expected and what was found, before LiteLLM fails on it."""
    reason = judging.wait_refused(judging.volume.put(config_with("x", extra=f"{setting}\n")))
    assert [part for part in REFUSED[setting] if part not in reason] == [], reason


DOUBTED = {
    "router_settings: {alowed_fails: 3}": "router_settings.alowed_fails: LiteLLM knows no such setting;"
    " did you mean 'allowed_fails'?",
    "litellm_settings: {api_bse: 'http://127.0.0.1:1'}": "litellm_settings.api_bse: LiteLLM knows no such setting;"
    " did you mean 'api_base'?",
    "router_settings: {timeout: '30'}": "router_settings.timeout: expected a number (float | None), found a text that"
    " holds a number; write it without quotes",
}


@pytest.mark.parametrize("setting", DOUBTED)
def test_a_doubt_is_in_the_status_and_the_configuration_serves(judging: Gateway, setting: str) -> None:
    """An unknown name, and a number in quotes that LiteLLM can use, are warnings."""
    judging.wait_serving(judging.volume.put(config_with("pong", extra=f"{setting}\n")))
    assert judging.status()["gateway"]["warnings"] == [f"config.yaml:4: {DOUBTED[setting]}"]
    assert judging.chat() == "pong"


def test_numbers_of_either_kind_are_taken_without_a_doubt(judging: Gateway) -> None:
    """A whole number where a fraction may stand, nothing, and a cache that is off are all right."""
    extra = (
        "router_settings: {timeout: 30, num_retries: 2, cooldown_time: 1.5, allowed_fails: null}\n"
        "litellm_settings: {request_timeout: 30, num_retries: 1, cache: false, cache_params: {type: redsi}}\n"
    )
    judging.wait_serving(judging.volume.put(config_with("pong", extra=extra)))
    assert judging.status()["gateway"]["warnings"] == []
