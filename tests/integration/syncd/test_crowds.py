"""Clients that say nothing, or half of it, keep nobody else from being answered."""

import http.client
import socket
from pathlib import Path

import psutil
import pytest

from tests.support.crowd import HALF_A_HEAD, closed, crowd
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

MANY = 2000
HELD = 256
OTHERS = 40
"""Descriptors that a syncd has beside connections, at most."""
STATUS = b"GET /status HTTP/1.1\r\nHost: crowd\r\n\r\n"
BODY_TO_COME = b"POST /poll HTTP/1.1\r\nHost: crowd\r\nContent-Length: 9\r\n\r\n{"


def answers(syncd: Syncd) -> None:
    """Check that both ways in answer, and that a poll asks the source."""
    assert syncd.request("GET", "/livez") == (200, {"live": True})
    assert syncd.request("GET", "/readyz")[0] == 200
    assert syncd.command("GET", "/status")[0] == 200
    assert syncd.command("POST", "/poll")[0] == 200


def assert_answered(client: socket.socket) -> None:
    """Read one answer, and check that it is 200."""
    answer = http.client.HTTPResponse(client)
    answer.begin()
    assert answer.status == 200
    answer.read()


@pytest.mark.parametrize("says", [b"", HALF_A_HEAD, STATUS, STATUS * 20, BODY_TO_COME])
@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_a_crowd_blinds_nobody(syncd: Syncd, way: str, says: bytes) -> None:
    """Whatever thousands of connections say or leave unsaid, each probe is answered, and descriptors are bounded."""
    syncd.write(config())
    with syncd.run() as process:
        syncd.wait_for_status("a first revision", desired__number=1)
        address: Path | tuple[str, int] = syncd.volume / "syncd.sock" if way == "unix" else ("127.0.0.1", syncd.port)
        with crowd(address, MANY, says) as clients:
            answers(syncd)
            wait_for(
                "all but the newest to be closed",
                lambda: psutil.Process(process.pid).num_fds() <= HELD + OTHERS,
            )
            answers(syncd)
            wait_for("the rest to be closed in time", lambda: closed(clients[-1]))
        answers(syncd)
        assert "Traceback" not in syncd.log.read_text()


def test_a_connection_that_is_used_in_time_stays(syncd: Syncd) -> None:
    """Requests one after another, in pieces too, keep their connection beside a crowd smaller than the bound."""
    syncd.write(config())
    with syncd.run():
        syncd.wait_for_status("a first revision", desired__number=1)
        with crowd(("127.0.0.1", syncd.port), 1) as (client,), crowd(("127.0.0.1", syncd.port), HELD - 1):
            for _ in range(3):
                for piece in (STATUS[:10], STATUS[10:]):
                    client.sendall(piece)
                assert_answered(client)
