"""A holder that reaches the database and not the source: the fleet does not stay at what one sick pod last read."""

from datetime import datetime, timedelta

import pytest

from tests.support.fleet import Fleet
from tests.support.tcp_proxy import Proxy, proxying
from tests.support.waiting import wait_for

LEASE = 2.0
SLACK = 30.0
"""Seconds for polls that back off, and for a busy machine."""


@pytest.fixture(autouse=True)
def _short(replicas: Fleet) -> None:
    """Have little time pass until a failing poll is one too many."""
    replicas.settings |= {
        "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": str(LEASE),
        "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": str(LEASE / 4),
        "CONFIG_SYNC_INTERVAL": "1",
    }


def through(proxy: Proxy) -> dict[str, str]:
    """Return the settings of a replica that reads the source through ``proxy``."""
    return {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{proxy.port}"}


def blind(proxy: Proxy) -> None:
    """Let nothing through any more."""
    proxy.open = False
    proxy.cut()


def s3_port(replicas: Fleet) -> int:
    """Return where the S3 server listens."""
    return int(replicas.s3.endpoint.rpartition(":")[2])


def start_first(replicas: Fleet, proxy: Proxy) -> None:
    """Start replica 0, which reads the source through ``proxy`` and holds the lease."""
    replicas.own[0] = through(proxy)
    replicas.put("first")
    replicas.start(0)
    replicas.wait_serving("first")


def attempt(replicas: Fleet) -> datetime:
    """Return when the last fetch of which the outcome is told began."""
    return datetime.fromisoformat(replicas.status(0)["fetch"]["attempted_at"])


def epochs(replicas: Fleet) -> list[int]:
    """Return the epoch of every revision, oldest first."""
    return [epoch for _, epoch, _ in replicas.revisions()]


def test_a_holder_that_cannot_read_the_source_lets_another(replicas: Fleet) -> None:
    """The next change arrives everywhere through a replica that can read it, and the first may hold again later."""
    with proxying(s3_port(replicas)) as proxy:
        start_first(replicas, proxy)
        replicas.start(1)
        replicas.wait_serving("first")
        assert replicas.holder() == 0
        blind(proxy)
        replicas.put("second")
        replicas.wait_serving("second", seconds=3 * LEASE + SLACK)
        assert replicas.holder() == 1
        told = [event for event in replicas.log(0) if event["event"].startswith("stepping aside")]
        assert len(told) == 1
        assert told[0]["seconds"] >= 2 * LEASE
        assert "127.0.0.1" in told[0]["reason"]
        assert replicas.status(0)["last_error"] is None, "it asks the source no more"
        proxy.open = True
        replicas.stop(1)
        replicas.put("third")
        replicas.wait_serving("third", 0)
    assert epochs(replicas) == [1, 2, 3]


def test_where_none_can_read_the_source_the_lease_goes_round(replicas: Fleet) -> None:
    """Each holder steps aside in turn; all go on serving, and the first that can read the source publishes."""
    with proxying(s3_port(replicas)) as proxy:
        replicas.put("first")
        for index in range(2):
            replicas.own[index] = through(proxy)
            replicas.start(index)
        replicas.wait_serving("first")
        blind(proxy)
        replicas.put("second")
        wait_for(
            "each to have stepped aside",
            lambda: all(any("aside" in event["event"] for event in replicas.log(index)) for index in range(2)),
            seconds=2 * (3 * LEASE + SLACK),
        )
        assert [replicas.serving(index) for index in range(2)] == ["first", "first"]
        proxy.open = True
        replicas.wait_serving("second")
    assert epochs(replicas) == sorted(set(epochs(replicas)))


def test_the_only_replica_keeps_the_lease(replicas: Fleet) -> None:
    """Nobody else could read the source, so it goes on trying under the same epoch."""
    with proxying(s3_port(replicas)) as proxy:
        start_first(replicas, proxy)
        blind(proxy)
        wait_for("the fetch to fail", lambda: replicas.status(0)["last_error"])
        first = attempt(replicas)
        wait_for(
            "a fetch to fail later than a holder among others would bear",
            lambda: attempt(replicas) - first >= timedelta(seconds=3 * LEASE),
            seconds=6 * LEASE + SLACK,
        )
        proxy.open = True
        replicas.put("second")
        replicas.wait_serving("second")
    assert epochs(replicas) == [1, 1]
