import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.asking import SLOW, Asking, Streaming
from tests.support.gateway import alive, config_with, tree_of
from tests.support.processes import free_port, listening
from tests.support.s3 import Server, moto
from tests.support.small_disk import small_disk
from tests.support.stack import from_s3, stack
from tests.support.upstream import upstream
from tests.support.waiting import wait_for


def test_whatever_is_killed_comes_back_and_requests_flow(tmp_path: Path, s3: Server) -> None:
    """Kill -9 of syncd, of a worker, of the gateway's parent, one after the other, under load: no request is lost."""
    bucket = s3.bucket("kills")
    s3.put(bucket, config_with("one"))
    with stack(tmp_path, from_s3(s3, bucket)) as running:
        gateway = running.gateway
        gateway.wait_ready()
        with Asking(gateway, 4, fresh=1) as asking:
            syncd = running.pid("syncd")
            os.kill(syncd, signal.SIGKILL)
            wait_for(
                "the status without syncd",
                lambda: gateway.status()["running"] is False or running.pid("syncd") != syncd,
            )
            wait_for("syncd to be back", lambda: gateway.status()["running"] is True, seconds=60)
            s3.put(bucket, config_with("two"))
            asking.wait_for_answer("two")

            parent = running.pid("gateway")
            orphans = set(gateway.workers())
            os.kill(parent, signal.SIGKILL)
            asking.more(20)
            wait_for(
                "new workers", lambda: len(new := gateway.workers()) == 2 and not set(new) & set(orphans), seconds=60
            )
            s3.put(bucket, config_with("three"))
            asking.wait_for_answer("three")
            wait_for("the orphans to end", lambda: not alive(orphans), seconds=60)
            asking.more(20)
        assert not asking.failures
        # A worker that is killed takes the requests it was answering with it; the others and the next are answered.
        worker = gateway.workers()[0]
        os.kill(worker, signal.SIGKILL)
        assert gateway.chat() == "three"
        wait_for("a new worker", lambda: len(gateway.workers()) == 2 and worker not in gateway.workers())


def test_s3_down_at_start_without_a_cached_revision(tmp_path: Path) -> None:
    """Nothing to serve: not ready, a message that names the endpoint, and it starts once S3 is there."""
    port = free_port()
    settings = {
        "CONFIG_SOURCE": "s3",
        "S3_BUCKET_NAME": "late",
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with stack(tmp_path, settings) as running:
        wait_for("the gateway's port", lambda: listening(running.gateway.port), seconds=60)
        assert running.gateway.get("/health/ready").status_code == 503
        wait_for("the error", lambda: str(port) in str(running.gateway.status()["last_error"]))
        assert httpx.get(f"http://127.0.0.1:{running.syncd_port}/readyz").status_code == 503
        with moto(tmp_path, port) as server:
            server.put(server.bucket("late"), config_with("at last"))
            running.gateway.wait_ready()
            assert running.gateway.chat() == "at last"


def test_s3_down_with_a_cached_revision(tmp_path: Path) -> None:
    """S3 gone while serving: serving goes on, and the age shows; gone at a restart: the cached revision serves."""
    port = free_port()
    with moto(tmp_path, port) as server:
        bucket = server.bucket("cached")
        server.put(bucket, config_with("cached"))
        settings = from_s3(server, bucket)
        with stack(tmp_path, settings) as running:
            running.gateway.wait_ready()
            server.process.kill()
            first = wait_for(
                "the error", lambda: running.gateway.status() if running.gateway.status()["last_error"] else {}
            )
            age = first["fetch"]["seconds_since_success"]
            wait_for("the age to grow", lambda: running.gateway.status()["fetch"]["seconds_since_success"] > age)
            assert running.gateway.chat() == "cached"
            assert running.gateway.ready()
    with stack(tmp_path, settings) as running:
        running.gateway.wait_ready()
        assert running.gateway.chat() == "cached"
        wait_for("the error", lambda: str(port) in str(running.gateway.status()["last_error"]))


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A volume of 1 MiB in memory; needs the right to mount."""
    with small_disk(tmp_path / "small", 1) as volume:
        yield volume


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


def test_a_full_volume_keeps_what_is_served(tmp_path: Path, small_volume: Path, s3: Server) -> None:
    """No room for a revision: `current` stays, the status says so, and the change is taken once there is room."""
    bucket = s3.bucket("full")
    s3.put(bucket, config_with("fits"))
    with stack(tmp_path, from_s3(s3, bucket), volume=small_volume) as running:
        running.gateway.wait_ready()
        current = (small_volume / "current").readlink()
        filler = small_volume / "filler"
        fill(filler)
        s3.put(bucket, config_with("does not fit"))
        wait_for("the error", lambda: "space" in str(running.gateway.status()["last_error"]))
        assert (small_volume / "current").readlink() == current
        assert running.gateway.chat() == "fits"
        assert running.gateway.ready()
        filler.unlink()
        wait_for("the change", lambda: running.gateway.chat() == "does not fit")
        assert running.gateway.status()["last_error"] is None


def test_an_emptied_volume_heals(tmp_path: Path) -> None:
    """Everything on the volume is removed: serving goes on, and the next change is taken, under a higher number."""
    config = tmp_path / "config.yaml"
    config.write_text(config_with("before"))
    with stack(tmp_path, {"LITELLM_CONFIG_PATH": str(config)}) as running:
        gateway = running.gateway
        gateway.wait_ready()
        for entry in gateway.volume.root.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        assert gateway.chat() == "before"
        config.write_text(config_with("after"))
        wait_for("the change", lambda: gateway.chat() == "after", seconds=60)
        assert gateway.volume.answer()["serving"]["number"] > 1
        assert "Traceback" not in running.supervisord.text()


def test_a_stop_lets_a_stream_end_whole(tmp_path: Path, s3: Server) -> None:
    """SIGTERM to supervisord during a stream: readiness falls at once, the stream ends whole, everything exits 0."""
    bucket = s3.bucket("stop")
    with upstream(chunks=16, pause=0.25) as provider:
        s3.put(bucket, config_with("x", extra=SLOW.format(provider.base)))
        with stack(tmp_path, from_s3(s3, bucket)) as running:
            running.gateway.wait_ready()
            stream = Streaming(running.gateway)
            stream.wait_begun()
            running.supervisord.process.terminate()
            wait_for("readiness to fall", lambda: not running.gateway.ready())
            assert "[DONE]" not in stream.pieces
            assert stream.wait_ended()[-1] == "[DONE]"
            assert running.supervisord.wait_for_exit(seconds=60) == 0
            log = running.supervisord.text()
            assert "stopped: gateway (exit status 0)" in log
            assert "stopped: syncd (exit status 0)" in log


def test_killing_supervisord_ends_all(tmp_path: Path) -> None:
    """Kill -9 of supervisord: its programs and their workers end, and the port is free."""
    config = tmp_path / "config.yaml"
    config.write_text(config_with("x"))
    with stack(tmp_path, {"LITELLM_CONFIG_PATH": str(config)}) as running:
        running.gateway.wait_ready()
        below = [process.pid for process in tree_of(running.supervisord.pid)[1:]]
        assert len(below) >= 4
        running.supervisord.kill()
        wait_for("all to end", lambda: not alive(below))
        assert not listening(running.gateway.port)
        wait_for("the answer", lambda: running.gateway.volume.answer()["state"] == "stopped")


def test_a_stop_ends_workers_without_a_parent(tmp_path: Path) -> None:
    """A stop while the gateway that was killed is on its way up again: its orphans end too."""
    config = tmp_path / "config.yaml"
    config.write_text(config_with("x"))
    with stack(tmp_path, {"LITELLM_CONFIG_PATH": str(config)}) as running:
        running.gateway.wait_ready()
        orphans = running.gateway.workers()
        os.kill(running.pid("gateway"), signal.SIGKILL)
        folder = running.gateway.volume.root / "handoff"
        wait_for("the orphans", lambda: len(list(folder.glob("*.sock"))) == len(orphans), every=0.01)
        running.supervisord.process.send_signal(signal.SIGINT)
        assert running.supervisord.wait_for_exit(seconds=60) == 0
        wait_for("the orphans to end", lambda: not alive(orphans))
        assert not listening(running.gateway.port)


def test_a_program_that_ends_up_fatal_takes_all_down(tmp_path: Path) -> None:
    """Settings that cannot work: supervisord gives up, stops the rest and exits with a status other than 0."""
    with stack(tmp_path, {"CONFIG_SOURCE": "nowhere"}) as running:
        assert running.supervisord.wait_for_exit(seconds=60) == 70
        assert "CONFIG_SOURCE" in running.supervisord.text()
        assert "syncd is FATAL" in running.supervisord.text()


def test_a_port_that_is_taken_ends_up_fatal(tmp_path: Path) -> None:
    """A port that another process has: supervisord gives up and exits with a status other than 0."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with stack(tmp_path, {"PORT": port}) as running:
            assert running.supervisord.wait_for_exit(seconds=120) == 70
            assert "set PORT" in running.supervisord.text()
            assert "gateway is FATAL" in running.supervisord.text()
