from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_with
from tests.support.stack import stack


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A stack on a local file."""
    folder = tmp_path_factory.mktemp("clients")
    config = folder / "config.yaml"
    config.write_text(config_with("hello there"))
    with stack(folder, {"LITELLM_CONFIG_PATH": str(config)}) as running:
        running.gateway.wait_ready()
        yield running.gateway


def client(gateway: Gateway, key: str = MASTER_KEY) -> openai.OpenAI:
    """Return OpenAI's own client for the gateway."""
    return openai.OpenAI(base_url=f"http://127.0.0.1:{gateway.port}/v1", api_key=key, max_retries=0)


def test_chat(served: Gateway) -> None:
    """OpenAI's client gets a completion."""
    answer = client(served).chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hi"}])
    assert answer.choices[0].message.content == "hello there"


def test_stream(served: Gateway) -> None:
    """OpenAI's client gets a stream, piece by piece."""
    stream = client(served).chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert len(pieces) > 1
    assert "".join(pieces) == "hello there"


def test_model_list(served: Gateway) -> None:
    """OpenAI's client lists the models."""
    assert [model.id for model in client(served).models.list()] == ["demo"]


@pytest.mark.parametrize("key", ["sk-wrong", "wrong"])
def test_wrong_key(served: Gateway, key: str) -> None:
    """A wrong key is an authentication error, status 401."""
    with pytest.raises(openai.AuthenticationError) as caught:
        client(served, key).models.list()
    assert caught.value.status_code == 401


def test_one_replica_has_no_fleet_and_a_history(served: Gateway) -> None:
    """Without a database there is no fleet to show, and the answer says what it would take; its revisions are shown."""
    with served.client() as asking:
        answer = asking.get("/llmrouter/config/sync/fleet")
        history = asking.get("/llmrouter/config/sync/history")
    assert answer.status_code == 404
    assert "DATABASE_URL" in answer.json()["error"]
    assert [revision["number"] for revision in history.json()["revisions"]] == [1]


def test_litellms_own_routes_and_ui(served: Gateway) -> None:
    """LiteLLM's own health routes and its UI are there."""
    assert served.get("/health/liveliness").status_code == 200
    assert served.get("/health/readiness").status_code == 200
    assert served.get("/ui/").status_code == 200


def test_the_status_has_the_guides_fields(served: Gateway) -> None:
    """The status needs no key and holds exactly what the deployment guide promises, besides our own fields."""
    status = served.status()
    assert status["enabled"] is True
    assert status["running"] is True
    assert set(status["leader_election"]) == {
        "enabled",
        "is_leader",
        "holder_id",
        "lease_expires_at",
        "skipped_sync_count",
    }
    assert status["mode"] == "single"
    assert status["source"]["kind"] == "file"
    assert MASTER_KEY not in str(status)


def test_the_volume_holds_no_master_key(served: Gateway, tmp_path: Path) -> None:
    """The key of the environment stays there: no file on the volume has it."""
    del tmp_path
    files = [path for path in served.volume.root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if MASTER_KEY.encode() in path.read_bytes()]
