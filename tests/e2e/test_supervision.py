"""What hangs is healed or ends the replica; what can be borne is borne; the log holds nobody up."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.asking import Asking
from tests.support.gateway import CHAT, config_with
from tests.support.processes import free_port
from tests.support.stack import stack_of_file
from tests.support.waiting import wait_for

HEALED = 90
"""Seconds within which what hangs is healed."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", ["syncd", "gateway"])
def test_a_program_that_is_stopped_is_started_again(tmp_path: Path, program: str) -> None:
    """SIGSTOP of syncd or of the gateway's parent: a new one is there in time, and no request fails meanwhile."""
    with stack_of_file(tmp_path) as running, Asking(running.gateway, 2, fresh=1) as asking:
        before = running.pid(program)
        os.kill(before, signal.SIGSTOP)
        wait_for(f"{program} to be killed", lambda: not psutil.pid_exists(before), seconds=HEALED)
        running.wait_for_log("a program hangs, and is killed")
        assert running.pid(program) != before
        (tmp_path / "config.yaml").write_text(config_with("y"))
        asking.wait_for_answer("y", seconds=120)
        assert not asking.failures


@pytest.mark.timeout(300)
def test_a_migrate_that_is_stopped_is_started_again(tmp_path: Path) -> None:
    """It waits for a database that is away; SIGSTOP: a new one waits in its place, and the gateway serves meanwhile."""
    away = f"postgresql://u:p@127.0.0.1:{free_port()}/d"
    with stack_of_file(
        tmp_path, DATABASE_URL=away, ROUTEIQ_LITELLM_DATABASE="false", ROUTEIQ_WAIT_FOR_SCHEMA="false"
    ) as running:
        before = running.pid("migrate")
        running.wait_for_log("waiting for the database")
        os.kill(before, signal.SIGSTOP)
        wait_for("migrate to be killed", lambda: not psutil.pid_exists(before), seconds=HEALED)
        running.wait_for_log("a program hangs, and is killed")
        assert running.pid("migrate") != before
        assert running.gateway.chat() == "x"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("alone", ["syncd", "gateway"])
def test_a_supervisord_that_is_stopped_goes_on(tmp_path: Path, alone: str) -> None:
    """SIGSTOP of supervisord: syncd and the gateway's parent, either by itself, have it go on, and say so."""
    with stack_of_file(tmp_path) as running:
        supervisord = psutil.Process(running.supervisord.pid)
        other = psutil.Process(running.pid({"syncd": "gateway", "gateway": "syncd"}[alone]))
        other.suspend()
        supervisord.suspend()
        wait_for("supervisord to go on", lambda: supervisord.status() != psutil.STATUS_STOPPED, seconds=HEALED)
        running.wait_for_log("supervisord was stopped, and goes on")
        other.resume()
        assert running.gateway.chat() == "x"


@pytest.mark.timeout(300)
def test_a_gateway_serves_without_syncd_for_as_long_as_syncd_needs(tmp_path: Path) -> None:
    """After a kill its port is taken for long: it is started after growing pauses, and is back when it can be."""
    with stack_of_file(tmp_path) as running:
        wait_for(
            "syncd to be up for longer than a start", lambda: "syncd entered RUNNING" in running.supervisord.text()
        )
        started = psutil.Process(running.pid("syncd")).create_time()
        wait_for("the same by our own measure", lambda: time.time() - started > 13)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            os.kill(running.pid("syncd"), signal.SIGKILL)
            wait_for("the port", lambda: _bind(other, running.syncd_port), every=0.001)
            running.wait_for_log('"pause": 8.0')
            assert running.gateway.chat() == "x"
            assert running.gateway.ready()
        (tmp_path / "config.yaml").write_text(config_with("y"))
        wait_for("the change", lambda: running.gateway.chat() == "y", seconds=60)


def _bind(other: socket.socket, port: int) -> bool:
    try:
        other.bind(("127.0.0.1", port))
        other.listen()
    except OSError:
        return False
    return True


def _pipe(_folder: Path) -> tuple[int, int]:
    return os.pipe()


def _socket(_folder: Path) -> tuple[int, int]:
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


def _closed_pipe(_folder: Path) -> tuple[int, int]:
    reader, writer = os.pipe()
    os.close(reader)
    return os.open(os.devnull, os.O_RDONLY), writer


@pytest.mark.timeout(300)
@pytest.mark.parametrize("output", [_pipe, _socket, _closed_pipe], ids=["a pipe", "a socket", "a closed pipe"])
def test_an_output_that_nobody_reads_holds_nobody_up(tmp_path: Path, output: Callable[[Path], tuple[int, int]]) -> None:
    """Far more than it takes is logged: requests and probes are answered, a change is taken, and a stop is heeded."""
    reader, writer = output(tmp_path)
    with stack_of_file(tmp_path, writer, LITELLM_LOG="DEBUG") as running:
        gateway = running.gateway
        large = CHAT | {"messages": [{"role": "user", "content": "x" * 100_000}]}
        for _ in range(40):  # each is logged with its content
            gateway.post("/v1/chat/completions", large).raise_for_status()
        assert gateway.ready()
        assert gateway.get("/health/live").status_code == httpx.codes.OK
        (tmp_path / "config.yaml").write_text(config_with("y"))
        wait_for("the change", lambda: gateway.chat() == "y", seconds=60)
        running.supervisord.process.send_signal(signal.SIGTERM)
        assert running.supervisord.wait_for_exit(seconds=60) == 0
    os.close(reader)
    os.close(writer)
