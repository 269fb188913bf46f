from pathlib import Path

from tests.support.asking import Streaming
from tests.support.gateway import config_with, gateway
from tests.support.processes import listening
from tests.support.upstream import upstream
from tests.support.waiting import wait_for


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
