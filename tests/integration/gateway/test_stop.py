import json
import threading
from pathlib import Path

import httpx

from tests.support.gateway import config_with, gateway
from tests.support.upstream import upstream
from tests.support.waiting import wait_for

SLOW = "  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: x, api_base: '{}'}}}}\n"


def test_a_stop_lets_a_stream_end_whole(tmp_path: Path) -> None:
    """SIGTERM in the middle of a stream: readiness falls at once, the stream ends whole, the exit code is 0."""
    with upstream(chunks=12, pause=0.25) as provider, gateway(tmp_path, ROUTEIQ_PRESTOP_SECONDS="1") as started:
        model = (
            f"  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: x, api_base: '{provider.base}'}}}}\n"
        )
        started.volume.put(config_with("x", extra=model))
        started.wait_ready()
        pieces: list[str] = []
        streaming = threading.Thread(target=_stream, args=(started.client(), pieces))
        streaming.start()
        wait_for("the stream to begin", lambda: pieces)
        with started.client() as connected:
            assert connected.get("/health/ready").status_code == 200
            started.process.process.terminate()
            wait_for("readiness to fall", lambda: connected.get("/health/ready").status_code == 503, seconds=1)
        streaming.join()
        assert started.process.wait_for_exit() == 0
        assert pieces == [f"piece-{number} " for number in range(12)] + ["[DONE]"]
        assert started.volume.answer()["state"] == "stopped"


def test_the_drain_limit_ends_a_stream_that_is_too_long(tmp_path: Path) -> None:
    """A stream longer than ROUTEIQ_DRAIN_SECONDS is cut, and the gateway still ends with 0."""
    with upstream(chunks=400, pause=0.25) as provider, gateway(tmp_path, ROUTEIQ_DRAIN_SECONDS="1") as started:
        model = (
            f"  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: x, api_base: '{provider.base}'}}}}\n"
        )
        started.volume.put(config_with("x", extra=model))
        started.wait_ready()
        pieces: list[str] = []
        streaming = threading.Thread(target=_stream, args=(started.client(), pieces))
        streaming.start()
        wait_for("the stream to begin", lambda: pieces)
        started.process.process.terminate()
        assert started.process.wait_for_exit(seconds=30) == 0
        streaming.join()
        assert "[DONE]" not in pieces


def _stream(client: httpx.Client, pieces: list[str]) -> None:
    body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    try:
        with client, client.stream("POST", "/v1/chat/completions", json=body) as response:
            for line in response.iter_lines():
                text = line.removeprefix("data: ")
                if text == "[DONE]":
                    pieces.append(text)
                elif text and (content := json.loads(text)["choices"][0]["delta"].get("content")):
                    pieces.append(content)
    except httpx.TransportError:
        pieces.append("cut")
