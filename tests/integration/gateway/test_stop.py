import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.asking import SLOW, Streaming
from tests.support.gateway import CHAT, config_with, gateway
from tests.support.processes import SCRIPTS, clean_environment, free_port, listening
from tests.support.upstream import upstream
from tests.support.waiting import wait_for

WAITING = 12


def test_a_stop_lets_a_stream_end_whole(tmp_path: Path) -> None:
    """SIGTERM in the middle of a stream: readiness falls at once, the stream ends whole, the exit code is 0."""
    with upstream(chunks=12, pause=0.25) as provider, gateway(tmp_path, ROUTEIQ_PRESTOP_SECONDS="1") as started:
        model = (
            f"  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: x, api_base: '{provider.base}'}}}}\n"
        )
        started.volume.put(config_with("x", extra=model))
        started.wait_ready()
        stream = Streaming(started)
        stream.wait_begun()
        with started.client() as connected:
            assert connected.get("/health/ready").status_code == 200
            started.process.process.terminate()
            wait_for("readiness to fall", lambda: connected.get("/health/ready").status_code == 503, seconds=1)
        wait_for("new connections to be refused", lambda: not listening(started.port), seconds=5)
        assert "[DONE]" not in stream.pieces
        assert stream.wait_ended() == [f"piece-{number} " for number in range(12)] + ["[DONE]"]
        assert started.process.wait_for_exit() == 0
        assert started.volume.answer()["state"] == "stopped"


def test_the_drain_limit_ends_a_stream_that_is_too_long(tmp_path: Path) -> None:
    """A stream longer than ROUTEIQ_DRAIN_SECONDS is cut, and the gateway still ends with 0."""
    with upstream(chunks=400, pause=0.25) as provider, gateway(tmp_path, ROUTEIQ_DRAIN_SECONDS="1") as started:
        model = (
            f"  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: x, api_base: '{provider.base}'}}}}\n"
        )
        started.volume.put(config_with("x", extra=model))
        started.wait_ready()
        stream = Streaming(started)
        stream.wait_begun()
        started.process.process.terminate()
        assert started.process.wait_for_exit(seconds=30) == 0
        assert "[DONE]" not in stream.wait_ended()


def test_a_request_under_way_is_the_last_on_its_connection(tmp_path: Path) -> None:
    """A response that starts after the drain began says `Connection: close`, also where its request came before."""
    with upstream(delay=3) as provider, gateway(tmp_path) as started, ThreadPoolExecutor(1) as threads:
        started.volume.put(config_with("x", extra=SLOW.format(provider.base)))
        started.wait_ready()
        asked = threads.submit(started.post, "/v1/chat/completions", CHAT | {"model": "slow"})
        wait_for("the request to reach the provider", lambda: provider.requests)
        started.process.process.terminate()
        wait_for("the drain", lambda: started.workers("draining") and not started.workers())
        assert not asked.done()
        response = asked.result()
        assert response.status_code == 200
        assert response.headers["connection"] == "close"
        assert started.process.wait_for_exit() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_that_no_worker_has_accepted_yet_are_answered(tmp_path: Path, workers: int) -> None:
    """What waits in the kernel's queue when the gateway is told to stop, while its workers are held up, is no loss."""
    with gateway(tmp_path, ROUTEIQ_WORKERS=str(workers)) as started, ThreadPoolExecutor(WAITING) as threads:
        started.volume.put(config_with("in time"))
        started.wait_ready()
        held = started.workers()
        assert len(held) == workers
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        asked = [threads.submit(started.chat) for _ in range(WAITING)]
        wait_for("the requests to be sent", lambda: _unread(started.port) == WAITING)
        started.process.process.terminate()
        wait_for("the parent to tell its workers", lambda: started.volume.answer()["state"] == "draining")
        for pid in held:
            os.kill(pid, signal.SIGCONT)
        assert {one.result() for one in asked} == {"in time"}
        assert started.process.wait_for_exit() == 0


def _unread(port: int) -> int:
    """How many connections to ``port`` hold bytes that nobody has read, by the kernel's table."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" and not row[4].endswith(":00000000") for row in rows)


def test_before_it_drains_a_gateway_serves_for_the_prestop_seconds(tmp_path: Path) -> None:
    """For ROUTEIQ_PRESTOP_SECONDS a gateway that stops is not ready and answers new connections all the same."""
    with gateway(tmp_path, ROUTEIQ_PRESTOP_SECONDS="3") as started:
        started.volume.put(config_with("still here"))
        started.wait_ready()
        started.process.process.terminate()
        wait_for("readiness to fall", lambda: not started.ready())
        assert started.chat() == "still here"
        assert started.get("/health/ready").status_code == 503
        assert started.process.wait_for_exit() == 0


def test_a_second_signal_ends_the_gateway_at_once(tmp_path: Path) -> None:
    """SIGTERM once more cuts what still runs, long before the drain limit, and the exit code is 0."""
    with upstream(chunks=400, pause=0.25) as provider, gateway(tmp_path) as started:
        started.volume.put(config_with("x", extra=SLOW.format(provider.base)))
        started.wait_ready()
        stream = Streaming(started)
        stream.wait_begun()
        started.process.process.terminate()
        wait_for("the drain", lambda: started.workers("draining") and not started.workers())
        started.process.process.terminate()
        assert started.process.wait_for_exit(seconds=30) == 0
        assert "[DONE]" not in stream.wait_ended()


CATCHES = """
import signal
try:
    signal.raise_signal(signal.SIGTERM)
except BaseException:
    pass
"""


def test_a_stop_while_litellm_is_imported_is_not_lost(tmp_path: Path) -> None:
    """Where a module that is imported catches whatever is raised in it, SIGTERM ends the gateway all the same."""
    package = tmp_path / "litellm"
    package.mkdir()
    (package / "__init__.py").write_text(CATCHES)
    environment = clean_environment(
        ROUTEIQ_VOLUME=str(tmp_path / "volume"), PORT=str(free_port()), PYTHONPATH=str(tmp_path)
    )
    stopped = subprocess.run([SCRIPTS / "routeiq-gateway"], env=environment, check=False, timeout=60)
    assert stopped.returncode == 0


def test_a_reload_that_is_asked_for_during_the_start_ends_nothing(tmp_path: Path) -> None:
    """SIGHUP while LiteLLM is imported, from when SIGTERM is heeded on: the same gateway comes up and serves."""
    with gateway(tmp_path) as started:
        started.volume.put(config_with("up"))
        wait_for("signals to be heeded", lambda: _caught(started.process.pid) >> (signal.SIGTERM - 1) & 1, every=0.01)
        started.process.process.send_signal(signal.SIGHUP)
        assert not started.ready(), "the start was not over yet"
        started.wait_ready()
        assert started.process.process.poll() is None
        assert started.chat() == "up"


def _caught(pid: int) -> int:
    """The signals that a process catches, as a mask."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("SigCgt")).split()[1], 16)
