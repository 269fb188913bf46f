from typing import Any

import pytest

from tests.support.probe import probe

CONFIG = """
model_list:
  - model_name: demo
    litellm_params: {{model: openai/demo, api_key: os.environ/SOME_KEY, mock_response: hello}}
  - model_name: slow
    litellm_params: {{model: openai/m, api_key: x, api_base: '{base}'}}
  - model_name: other
    litellm_params: {{model: hosted_vllm/m, api_key: x, api_base: '{base}'}}
"""
# asyncpg is not the gateway's to import (20), and the probe has not imported prometheus_client (26), as the parent has.
MOST_LATE_IMPORTS = 60


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process saw that took a configuration through the edge."""
    return probe(tmp_path_factory.mktemp("probe"), "litellm_probe.py", CONFIG)


def test_the_edge_holds(probed: dict[str, Any]) -> None:
    """Every name of LiteLLM's inside that the gateway rests on is where it was, and means what it meant."""
    assert probed["statuses"] == [200, 200, 200, 200, 200, 200, 200, 200, 401]
    assert probed["models"] == [
        {"name": "demo", "model": "openai/demo"},
        {"name": "slow", "model": "openai/m"},
        {"name": "other", "model": "hosted_vllm/m"},
    ]
    assert probed["guardrails"] == []
    assert probed["raw_key"] == "os.environ/SOME_KEY"
    assert probed["master_key"] == "sk-probe-7c2f91d04e"
    assert probed["known"] == [True, False]


def test_what_only_prepares_is_known(probed: dict[str, Any]) -> None:
    """The way in which LiteLLM submits a completion for OpenAI is known, and all that may wait goes to a thread.

    In order: the mock, plain and streamed; the upstream, plain, streamed, with tools, with a prompt that is managed
    elsewhere; another provider.
    """
    openai = [["openai/m", True]] * 3 + [["openai/m", False]]
    assert probed["prepared"] == [["openai/demo", False]] * 2 + openai + [["hosted_vllm/m", False]]
    assert probed["refused"] == {
        "secret_manager_client": True,
        "proxy_auth": True,
        "vector_store_registry": True,
        "none": False,
        "wrapped": True,
    }


def test_the_parent_has_one_thread(probed: dict[str, Any]) -> None:
    """After all imports the process still has one thread, so that a fork of it is whole."""
    assert probed["threads"] == 1


def test_first_requests_import_little(probed: dict[str, Any]) -> None:
    """What the first requests need was imported before the fork."""
    assert len(probed["late"]) <= MOST_LATE_IMPORTS, probed["late"]


def test_what_the_import_reads_is_known(probed: dict[str, Any]) -> None:
    """Variables that count at LiteLLM's import are noted; keys, which are read in a worker, may change without it."""
    read = set(probed["at_import"])
    assert {"LITELLM_LICENSE", "SENDGRID_API_KEY", "SSL_CERT_FILE", "DEFAULT_MAX_RETRIES", "SERVER_ROOT_PATH"} <= read
    in_workers = {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "DATABASE_URL", "DATABASE_PASSWORD", "REDIS_PASSWORD"}
    providers = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_API_KEY", "AWS_SECRET_ACCESS_KEY", "SOME_KEY"}
    assert not read & (in_workers | providers)
    assert len(read) > 200
