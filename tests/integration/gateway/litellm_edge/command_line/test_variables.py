"""What LiteLLM's own variables do here."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from routeiq_gateway.litellm_edge.command_line.options import OPTIONS
from tests.support.gateway import CHAT, MASTER_KEY, Gateway, config_with, gateway
from tests.support.processes import SCRIPTS, free_port
from tests.support.waiting import wait_for

EMPTY = {option.variable: "" for option in OPTIONS if option.variable not in {"", "HOST", "PORT"}}
NUMBERS = ("AIOHTTP_CONNECTOR_LIMIT", "DEFAULT_MAX_TOKENS", "MAX_CALLBACKS", "PYTHON_GC_THRESHOLD")
"""Variables of LiteLLM's that its import reads as numbers, without a look."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with LiteLLM's variables set, ready."""
    settings = {
        "NUM_WORKERS": "1",
        "ROUTEIQ_WORKERS": "",
        "KEEPALIVE_TIMEOUT": "2",
        "DETAILED_DEBUG": "true",
        "PROMETHEUS_METRICS_PORT": str(free_port()),
        "SERVER_ROOT_PATH": "/gw",
        "ROUTEIQ_ACCESS_LOG": "true",
        "LITELLM_LOG": "",
    }
    folder = tmp_path_factory.mktemp("many")
    extra = "general_settings: {litellm_key_header_name: X-Litellm-Key}\nlitellm_settings: {callbacks: [prometheus]}\n"
    with gateway(folder, port=None, scripts=SCRIPTS, **settings) as running:
        running.volume.put(config_with("first", extra=extra))
        running.wait_ready()
        yield running


def requests_of(running: Gateway) -> list[dict[str, Any]]:
    """Return the lines of the access log so far."""
    lines = (line for line in running.process.text().splitlines() if '"event": "request"' in line)
    return [json.loads(line) for line in lines]


def test_every_variable_of_the_table_may_be_empty(tmp_path: Path) -> None:
    """Empty is unset, for LiteLLM's import too, where a number is read without a look."""
    with gateway(tmp_path, port=None, scripts=SCRIPTS, **EMPTY, **dict.fromkeys(NUMBERS, "")) as started:
        started.volume.put(config_with("here"))
        started.wait_ready()
        assert started.chat() == "here"
        assert len(started.workers()) == 2, "ROUTEIQ_WORKERS, which is set"


def test_workers_and_debug_are_litellms(many: Gateway) -> None:
    """NUM_WORKERS gives the number of workers, DETAILED_DEBUG what LiteLLM logs."""
    assert len(many.workers()) == 1
    wait_for("LiteLLM's own lines of debugging", lambda: "DEBUG" in many.process.text())


@pytest.mark.parametrize("below", ["", "/gw"])
def test_own_endpoints_answer_below_the_root_path(many: Gateway, below: str) -> None:
    """Probes and the gateway's own routes answer with and without the root path, as LiteLLM's do."""
    for path in ("/health/ready", "/health/live", "/llmrouter/config/sync/status", "/health/liveliness"):
        assert many.get(below + path).status_code == 200, path
    assert many.get("/gwhealth/live").status_code != 200


def test_the_header_for_keys_holds_for_own_endpoints(many: Gateway) -> None:
    """LiteLLM and the gateway take the key from the header that the configuration names, else from `Authorization`."""
    right, wrong = f"Bearer {MASTER_KEY}", "Bearer sk-wrong"
    for headers, status in (
        ({"X-Litellm-Key": right}, 200),
        ({"X-Litellm-Key": right.replace("Bearer", "bearer"), "Authorization": wrong}, 200),
        ({"Authorization": right}, 200),
        ({"X-Litellm-Key": wrong, "Authorization": right}, 401),
        ({"X-Other": right}, 401),
    ):
        for path, body in (("/v1/chat/completions", CHAT), ("/gw/llmrouter/config/reload", None)):
            response = httpx.post(f"http://127.0.0.1:{many.port}{path}", json=body, headers=headers, timeout=60)
            assert response.status_code == status, (path, headers)


def test_each_request_is_logged_without_its_secrets(many: Gateway) -> None:
    """The access log has method, path, status and time of each request; only harmless parameters keep their values."""
    many.get("/health/live?key=abcdefgh&sig=ijklmnop&access_token=qrstuvwx&%6Bey=yzabcdef&limit=20&flag")
    found = wait_for(
        "the line", lambda: [line for line in requests_of(many) if line["path"].startswith("/health/live?key")]
    )
    assert found[0]["path"] == "/health/live?key=***&sig=***&access_token=***&***=***&limit=20&***"
    assert (found[0]["method"], found[0]["status"], found[0]["client"]) == ("GET", 200, "127.0.0.1")
    assert 0 < found[0]["seconds"] < 10
    text = many.process.text()
    assert not any(secret in text for secret in ("abcdefgh", "ijklmnop", "qrstuvwx", "yzabcdef"))


def test_a_connection_that_never_sent_a_request_is_closed_in_time(many: Gateway) -> None:
    """The idle time-out reaches it, whether nothing came or half a head; one that is used is left alone."""
    with (
        socket.create_connection(("127.0.0.1", many.port), timeout=30) as silent,
        socket.create_connection(("127.0.0.1", many.port), timeout=30) as slow,
        many.client() as client,
    ):
        slow.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
        assert client.get("/health/live").status_code == 200
        assert silent.recv(1) == b""
        assert slow.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_metrics_are_served_on_a_port_of_their_own(many: Gateway) -> None:
    """The server of metrics shows what workers count, comes back when it dies, and ends with the gateway."""
    headers = {"X-Litellm-Key": f"Bearer {MASTER_KEY}"}
    url = f"http://127.0.0.1:{many.port}/v1/chat/completions"
    assert httpx.post(url, json=CHAT, headers=headers, timeout=60).status_code == 200
    port = metrics_port(many)

    def counted() -> int:
        try:
            reply = httpx.get(f"http://127.0.0.1:{port}/metrics/", timeout=10)
        except httpx.TransportError:
            return 0
        return int(reply.headers["x-litellm-metrics-pid"]) if "litellm_proxy_total_requests" in reply.text else 0

    first = wait_for("metrics", counted, seconds=60)
    psutil.Process(first).kill()
    wait_for("a server of metrics again", lambda: counted() not in {0, first}, seconds=60)
    assert "the server of metrics ended" in many.process.text()
    assert many.get("/health/ready").status_code == 200


def metrics_port(running: Gateway) -> int:
    """Return the port that the gateway was given for metrics."""
    return int(psutil.Process(running.process.pid).environ()["PROMETHEUS_METRICS_PORT"])


def test_a_port_for_metrics_that_is_taken_is_named(tmp_path: Path) -> None:
    """The gateway ends with 4 before it imports LiteLLM, and says which setting to change."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with gateway(tmp_path, port=None, PROMETHEUS_METRICS_PORT=str(port)) as started:
            assert started.process.wait_for_exit(seconds=60) == 4
            assert "set PROMETHEUS_METRICS_PORT" in started.process.text()
            assert str(port) in started.process.text()


def test_a_worker_with_too_many_connections_still_answers_probes(tmp_path: Path) -> None:
    """LIMIT_CONCURRENCY has LiteLLM asked no more, as in LiteLLM; health is answered, and what comes later is too."""
    with gateway(tmp_path, port=None, ROUTEIQ_WORKERS="1", LIMIT_CONCURRENCY="3") as started:
        started.volume.put(config_with("here"))
        started.wait_ready()
        address = ("127.0.0.1", started.port)
        assert started.chat() == "here"
        with socket.create_connection(address), socket.create_connection(address), started.client() as client:
            wait_for("the limit", lambda: client.get("/v1/models").status_code == 503)
            assert client.get("/health/live").status_code == 200
            assert client.get("/health/ready").status_code == 200
        wait_for("the end of the load", lambda: started.post("/v1/chat/completions", CHAT).status_code == 200)


def test_workers_past_their_requests_are_replaced_without_a_lost_request(tmp_path: Path) -> None:
    """MAX_REQUESTS_BEFORE_RESTART replaces each worker, one at a time, while clients ask."""
    settings = {"MAX_REQUESTS_BEFORE_RESTART": "15", "MAX_REQUESTS_BEFORE_RESTART_JITTER": "0"}
    with gateway(tmp_path, port=None, scripts=SCRIPTS, **settings) as started:
        started.volume.put(config_with("here"))
        started.wait_ready()
        first, fewest = set(started.workers()), 2
        with started.client() as client:
            for _ in range(400):
                assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
                assert started.chat() == "here"
                fewest = min(fewest, len(started.workers()))
                if len(started.workers()) == 2 and not first & set(started.workers()):
                    break
        assert not first & set(started.workers())
        assert fewest == 2
