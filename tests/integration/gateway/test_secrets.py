"""No output of a gateway that runs shows a secret, LiteLLM's own lines included, wherever an operator put it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.gateway import CHAT, Gateway, config_with, gateway
from tests.support.processes import SCRIPTS, clean_environment, running
from tests.support.secret_places import CHOSEN, MADE, SecretPlace, secret_places
from tests.support.waiting import wait_for

ONE_BY_ONE = {
    place.name: place
    for place in secret_places()
    if place.name
    in {
        *(f"{name}: key" for name in ("model", "model behind a provider", "model_name", "behind os.environ")),
        *(f"{name}: key" for name in ("callbacks, a text", "type of a cache", "rpm", "a guardrail's name", "a tag")),
        *(f"{name}: key" for name in ("an alias", "an escape", "include", "a callback", "a number of the router")),
        *(f"api_key, {form}: {kind}" for form in ("a list", "a mapping") for kind in ("key", "number")),
        *("api_key: number", "master_key, a list: key", "args of an MCP server: key", "extra_headers, a text: key"),
        *("env of an MCP server: number", "headers of an MCP server: number"),
    }
}
"""Places that LiteLLM or the gateway trips over, so that somebody speaks of them."""
MEANT = CHOSEN | MADE
TOGETHER = f"""\
model_list:
  - model_name: demo
    litellm_params: {{model: openai/demo, api_key: {json.dumps(MEANT["key"])}, mock_response: hi}}
  - model_name: failing
    litellm_params:
      model: openai/failing
      api_key: {json.dumps(MEANT["password"])}
      api_base: http://{MEANT["hex"]}@127.0.0.1:9/v1?sig={MEANT["uuid"]}
      extra_headers: {{X-Secret: {json.dumps(MEANT["jwt"])}}}
      max_retries: 0
router_settings: {{num_retries: 0}}
general_settings:
  pass_through_endpoints:
    - path: /nowhere
      target: http://127.0.0.1:9/x
      headers: {{Authorization: "Bearer os.environ/OF_THE_ENVIRONMENT"}}
litellm_settings:
  cache: true
  cache_params: {{type: redis, host: 127.0.0.1, port: 9, password: {json.dumps(MEANT["phrase"])}}}
environment_variables: {{SOMETHING: {json.dumps(MEANT["aws"])}}}
"""
ENVIRONMENT = {"OF_THE_ENVIRONMENT": "Env-4f7Qz9-Lw2VhT5s", "SMTP_PASSWORD": "Mail-8Kx2-pQ7rT5v"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that serves a good configuration."""
    settings = {"ROUTEIQ_WORKERS": "1", "ROUTEIQ_ACCESS_LOG": "true", **ENVIRONMENT}
    with gateway(tmp_path_factory.mktemp("secrets"), port=None, scripts=SCRIPTS, **settings) as started:
        started.volume.put(config_with("here"))
        started.wait_ready()
        yield started


def shown_by(running_gateway: Gateway) -> str:
    """Return all that the gateway says: its log, its answer, its status, readiness, what `config` prints."""
    command = [str(SCRIPTS / "routeiq-gateway"), "config"]
    environment = clean_environment(ROUTEIQ_VOLUME=str(running_gateway.volume.root))
    output = running_gateway.volume.root.parent / "config.out"
    with running(command, output=output, environment=environment) as printing:
        printing.wait_for_exit()
        printed = printing.text()
    answers = [running_gateway.get(path).text for path in ("/health/ready", "/health/live")]
    status = json.dumps(running_gateway.status())
    return "\n".join(
        [running_gateway.process.text(), json.dumps(running_gateway.volume.answer()), status, *answers, printed]
    )


def settled(running_gateway: Gateway, digest: str) -> dict[str, Any]:
    """Wait until a revision is served or refused; return the gateway's answer."""

    def verdict() -> dict[str, Any]:
        answer = running_gateway.volume.answer()
        refused = (answer.get("refused") or {}).get("digest") == digest
        taken = (answer.get("serving") or {}).get("digest") == digest and answer["state"] == "serving"
        return answer if refused or taken else {}

    return wait_for(f"a verdict on {digest[:12]}", verdict, seconds=60)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_what_litellm_trips_over_shows_no_secret(served: Gateway, name: str) -> None:
    """A secret in the wrong field or of a wrong type is in no reason and no line; a reason names the place."""
    place = ONE_BY_ONE[name]
    answer = settled(served, served.volume.put(place.config))
    assert place.shown_in(shown_by(served)) is None
    if (answer.get("refused") or {}).get("number") == served.volume.number:
        reason = answer["refused"]["reason"].lower()
        assert "at line" in reason or any(word in reason for word in re.findall("[a-z_]{4,}", place.config.lower())), (
            reason
        )


def test_the_sweep_is_whole() -> None:
    """Every place that is named above is one of the table."""
    assert len(ONE_BY_ONE) >= 20


def test_a_configuration_that_serves_shows_no_secret(served: Gateway) -> None:
    """Neither at its start, nor when its models and its cache fail, in the log or in what clients are answered."""
    digest = served.volume.put(TOGETHER)
    assert (settled(served, digest).get("serving") or {}).get("digest") == digest
    bodies = [served.post("/v1/chat/completions", CHAT | {"model": name}).text for name in ("demo", "failing", "none")]
    bodies.append(served.post("/nowhere", {}).text)
    bodies.append(served.post(f"/v1/chat/completions?key={MADE['key']}", CHAT, key=MADE["jwt"]).text)
    bodies.append(httpx.get(f"http://127.0.0.1:{served.port}/key/{MADE['key']}/regenerate", timeout=30).text)
    wait_for("the access log", lambda: "/regenerate" in served.process.text())
    said = shown_by(served)
    for name, secret in {**MEANT, **ENVIRONMENT}.items():
        if name in {"pem", "quoted", "base64"}:
            continue  # not in this configuration
        place = SecretPlace(name, TOGETHER, secret)
        assert place.shown_in(said) is None, name
        assert [body for body in bodies if place.shown_in(body)] == [], name
    for needed in ("demo", "failing", "pass_through_endpoints", "X-Secret", "redis"):
        assert needed in said
