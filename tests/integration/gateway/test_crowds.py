"""Clients that say nothing, or half of it, keep nobody else from being answered by the gateway."""

from pathlib import Path

import psutil
import pytest

from tests.support.asking import Asking
from tests.support.crowd import HALF_A_HEAD, closed, crowd
from tests.support.gateway import config_with, gateway
from tests.support.waiting import wait_for

MANY = 3000
FILES = 1024
"""The hard limit of open files: fewer than the crowd has connections, on two workers."""
BODY_TO_COME = b"POST /v1/chat/completions HTTP/1.1\r\nHost: crowd\r\nContent-Length: 900\r\n\r\n{"


@pytest.mark.parametrize("says", [b"", HALF_A_HEAD])
def test_a_crowd_beyond_the_limit_of_files_takes_no_answer_from_anyone(tmp_path: Path, says: bytes) -> None:
    """Probes, clients with keep-alive and new clients are answered; a reload works; the crowd is bounded, and goes."""
    limited = ["prlimit", f"--nofile=256:{FILES}"]
    with gateway(tmp_path, through=limited, ROUTEIQ_RECEIVE_SECONDS="5", KEEPALIVE_TIMEOUT="5") as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        with Asking(started, 4, fresh=2) as clients:
            clients.more(10)
            with crowd(("127.0.0.1", started.port), MANY, says) as silent:
                for _ in range(5):
                    assert started.get("/health/live").status_code == 200
                    assert started.get("/health/ready").status_code == 200
                clients.more(10)
                for pid in started.workers():
                    assert psutil.Process(pid).num_fds() < FILES * 3 // 4
                started.wait_serving(started.volume.put(config_with("two")))
                clients.wait_for_answer("two")
                wait_for("the crowd to have had its time", lambda: all(closed(end) for end in silent))
            clients.more(10)
        assert clients.failures == []


def test_bodies_that_do_not_come_end_in_time(tmp_path: Path) -> None:
    """They hold a request's place no longer than the time to receive; others are answered meanwhile."""
    with gateway(tmp_path, ROUTEIQ_RECEIVE_SECONDS="3") as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        with crowd(("127.0.0.1", started.port), 500, BODY_TO_COME) as silent:
            assert started.get("/health/ready").status_code == 200
            assert started.chat() == "one"
            first = silent[0].recv(65536)
            assert first.startswith(b"HTTP/1.1 408 ")
            assert b"ROUTEIQ_RECEIVE_SECONDS" in first
            wait_for("the others to be closed", lambda: all(closed(end) for end in silent))
