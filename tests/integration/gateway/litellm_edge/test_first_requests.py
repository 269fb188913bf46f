from typing import Any

import pytest

from tests.support.probe import probe

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {{model: openai/m, api_key: x, mock_response: hello}}
  - model_name: e
    litellm_params: {{model: openai/e, api_key: x, api_base: '{base}'}}
  - model_name: rt
    litellm_params: {{model: openai/rt, api_key: x, api_base: '{base}'}}
"""
APIS = [
    "chat",
    "chat, streamed",
    "messages",
    "messages, streamed",
    "responses",
    "embeddings",
    "realtime",
    "mcp",
    "mcp tools",
    "models",
]
OF_A_LAZY_FEATURE = 10
"""Routes that FastAPI may work out at a first request: those of a router that LiteLLM includes at that moment."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the first request of each API took."""
    document = probe(tmp_path_factory.mktemp("first"), "first_requests_probe.py", CONFIG)
    assert list(document) == APIS
    return document


@pytest.mark.parametrize("api", APIS)
def test_the_first_request_of_an_api_does_what_the_second_does(first: dict[str, Any], api: str) -> None:
    """It imports no module, and FastAPI works out no routes at it but those of its own feature."""
    assert first[api]["late"] == []
    assert first[api]["routes"] <= OF_A_LAZY_FEATURE
    assert first[api]["status"] in {101, 200} or (api == "mcp" and first[api]["status"] == 403)
