"""What the gateway takes and what it refuses, judged by a real LiteLLM."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.gateway import Gateway, config_with, gateway
from tests.support.waiting import wait_for

VARIABLES: dict[str, Any] = {
    "NAME_OF_MODEL": "demo",
    "MODEL": "openai/gpt-4o",
    "NAME_OF_GUARDRAIL": "guarded",
    "LITELLM_ENVIRONMENT": "development",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "ROUTEIQ_LITELLM_DATABASE": "false",
    "EMPTY": "",
}
DEMO = "{{model_name: {name}, litellm_params: {{model: {model}, api_key: unused, mock_response: {mock}}}}}"


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the module, with the variables that configurations refer to."""
    with gateway(tmp_path_factory.mktemp("gateway"), **VARIABLES) as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        yield running


TAKEN = {
    "a name and a model from variables": (
        "model_list: [" + DEMO.format(name="os.environ/NAME_OF_MODEL", model="os.environ/MODEL", mock="pong") + "]"
    ),
    "a guardrail's name from a variable": config_with(
        "pong",
        extra="guardrails: [{guardrail_name: os.environ/NAME_OF_GUARDRAIL, litellm_params:"
        " {guardrail: openai_moderation, mode: pre_call, api_key: unused}}]\n",
    ),
    "the database, kept from LiteLLM": config_with(
        "pong", extra="general_settings: {database_url: os.environ/DATABASE_URL}\n"
    ),
    "a fallback to an alias": config_with(
        "pong",
        extra="  - {model_name: failing, litellm_params: {model: openai/x, api_key: unused,"
        " mock_response: litellm.RateLimitError}}\n"
        "litellm_settings: {model_alias_map: {other-name: demo}, fallbacks: [{failing: [other-name]}]}\n",
    ),
    "a model of another environment, with its key": config_with(
        "pong",
        extra="  - {model_name: other, litellm_params: {model: openai/x, api_key: os.environ/ONLY_PRODUCTION},"
        " model_info: {supported_environments: [production]}}\n",
    ),
    "a model of this environment": config_with(
        "pong",
        extra="  - {model_name: other, litellm_params: {model: openai/x, api_key: unused},"
        " model_info: {supported_environments: [development]}}\n",
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_stock_serves_is_taken(judging: Gateway, name: str) -> None:
    """References that LiteLLM resolves, and entries that it leaves out on purpose, are no reason to refuse."""
    judging.wait_serving(judging.volume.put(TAKEN[name]))
    assert judging.chat() == "pong" or name == "a guardrail's name from a variable"


def test_an_empty_variable_is_told_in_the_status(judging: Gateway) -> None:
    """The configuration is served, and both status and log name the setting and the variable."""
    extra = "  - {model_name: other, litellm_params: {model: openai/x, api_key: os.environ/EMPTY}}\n"
    judging.wait_serving(judging.volume.put(config_with("pong", extra=extra)))
    (warning,) = judging.status()["gateway"]["warnings"]
    assert warning.startswith(
        "config.yaml:4: model_list[1].litellm_params.api_key: the environment variable EMPTY is empty"
    )
    assert warning in judging.process.text()
    judging.wait_serving(judging.volume.put(config_with("pong again")))
    wait_for("the warning to go", lambda: not judging.status()["gateway"]["warnings"])


REFUSED = {
    "success_callback: [langfuse]": ["litellm_settings.success_callback", "langfuse"],
    "failure_callback: [sentry]": ["litellm_settings.failure_callback", "sentry_sdk"],
    "callbacks: [datadog]": ["litellm_settings.callbacks", "datadog", "DD_API_KEY"],
    "callbacks: [datadgo]": ["litellm_settings.callbacks[0]", "'datadgo'", "did you mean 'datadog'?"],
    "success_callback: [langfsue]": ["litellm_settings.success_callback[0]", "did you mean 'langfuse'?"],
    "failure_callback: langfuse": ["litellm_settings.failure_callback", "expected a list"],
    "callbacks: [audti.log_it]": ["litellm_settings.callbacks[0]", "audti.log_it", "audti.py"],
}


@pytest.mark.parametrize("setting", REFUSED)
def test_a_callback_that_would_not_work_is_refused_by_name(judging: Gateway, setting: str) -> None:
    """A name that LiteLLM does not know, a missing package and a missing module each name the key and the callback."""
    reason = judging.wait_refused(judging.volume.put(config_with("x", extra=f"litellm_settings: {{{setting}}}\n")))
    assert [part for part in REFUSED[setting] if part not in reason] == [], reason


def test_a_missing_variable_within_a_header_is_refused(judging: Gateway) -> None:
    """`Bearer os.environ/NOT_SET` would go upstream as it stands."""
    extra = (
        "general_settings: {pass_through_endpoints: [{path: /up, target: 'http://127.0.0.1:1',"
        " headers: {Authorization: 'Bearer os.environ/NOT_SET'}}]}\n"
    )
    reason = judging.wait_refused(judging.volume.put(config_with("x", extra=extra)))
    assert "pass_through_endpoints[0].headers.Authorization: the environment variable NOT_SET is not set" in reason


AUTH = "async def check(request, api_key):\n    raise Exception('not one of our keys')\n"
BLOCK = (
    "from litellm.integrations.custom_guardrail import CustomGuardrail\n"
    "class Block(CustomGuardrail):\n"
    "    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):\n"
    "        raise ValueError('blocked')\n"
)
TRIED = {
    "keys of its own": config_with("x", extra="general_settings: {custom_auth: mine.check}\n"),
    "another header": config_with("x", extra="general_settings: {litellm_key_header_name: X-Litellm-Key}\n"),
    "a mock that fails": config_with("litellm.RateLimitError"),
    "a guardrail that blocks": config_with(
        "x",
        extra="guardrails: [{guardrail_name: b, litellm_params: {guardrail: block.Block, mode: pre_call,"
        " default_on: true}}]\n",
    ),
}


@pytest.mark.parametrize("name", TRIED)
def test_a_trial_accepts_what_would_serve(judging: Gateway, name: str) -> None:
    """What turns the trial's own request down is the configuration at work, and no fault of it."""
    digest = judging.volume.put(TRIED[name], link="candidate", mine__py=AUTH, block__py=BLOCK)
    verdict = judging.volume.root / f"answers/trial-{digest}.json"
    wait_for("the verdict", verdict.exists)
    assert '"verdict": "accept"' in verdict.read_text(), verdict.read_text()
