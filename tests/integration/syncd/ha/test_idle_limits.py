"""Servers and proxies that end what is idle, or what is slow to acknowledge: no lease goes round."""

import time

import pytest

from tests.support.fleet import Fleet
from tests.support.tcp_proxy import proxying
from tests.support.waiting import wait_for

LEASE = "SELECT holder_id, epoch FROM routeiq.lease"
UNHURRIED = {"LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": "30", "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": "10"}
"""The defaults: a shorter lease would keep every session busy by itself."""
TERMS = 25.0
"""Longer than two limits of ten seconds and six looks of a candidate, in seconds."""
GUARDED = """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ExclusiveLock'
AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def stays(replicas: Fleet) -> None:
    """See that holder and epoch stay what they are while others look on."""
    lease = replicas.sql(LEASE)
    began = time.monotonic()

    def unchanged() -> bool:
        assert replicas.sql(LEASE) == lease
        return time.monotonic() - began > TERMS

    wait_for("the time to pass", unchanged, seconds=TERMS + 10, every=0.3)
    replicas.put("two")
    replicas.wait_serving("two")
    assert replicas.sql(LEASE) == lease
    told = [event["event"] for index in replicas.processes for event in replicas.log(index)]
    assert told.count("lease acquired") == 1
    assert "lease given up" not in told


@pytest.mark.parametrize(
    "settings",
    [
        {"idle_session_timeout": "1s"},
        {"idle_session_timeout": "10s", "tcp_user_timeout": "5s"},
        {"idle_in_transaction_session_timeout": "500ms", "idle_session_timeout": "15s"},
    ],
    ids=" ".join,
)
def test_limits_of_the_server_move_no_lease(replicas: Fleet, settings: dict[str, str]) -> None:
    """Whatever idle sessions the server ends, and however early: one holder, one epoch, and changes arrive."""
    for name, value in settings.items():
        replicas.sql(f"ALTER DATABASE \"{replicas.database}\" SET {name} = '{value}'")
    replicas.settings.update(UNHURRIED)
    replicas.put("one")
    for index in range(3):
        replicas.start(index)
    replicas.wait_serving("one")
    replicas.holder()
    wait_for("the guard", lambda: replicas.sql(GUARDED))
    stays(replicas)


def test_a_proxy_that_cuts_idle_connections_moves_no_lease(replicas: Fleet) -> None:
    """A load balancer forgets what was silent for ten seconds: nothing of syncd's is, so nothing is cut."""
    with proxying(replicas.postgres.port) as proxy:
        proxy.idle = 10.0
        url = replicas.postgres.url(replicas.database).replace(f":{replicas.postgres.port}/", f":{proxy.port}/")
        replicas.settings.update(UNHURRIED)
        replicas.put("one")
        for index in range(3):
            replicas.start(index, DATABASE_URL=url)
        replicas.wait_serving("one")
        replicas.holder()
        wait_for("the guard", lambda: replicas.sql(GUARDED))
        stays(replicas)
        assert proxy.idled == 0


def test_a_guard_that_was_cut_is_taken_again_at_once(replicas: Fleet) -> None:
    """A lease that is renewed rarely: its guard does not wait for the next renewal, for candidates look meanwhile."""
    replicas.put("one")
    replicas.start(0, LLMROUTER_CONFIG_SYNC_LEASE_SECONDS="600", LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS="300")
    replicas.wait_serving("one")
    [first] = wait_for("the guard", lambda: replicas.sql(GUARDED))
    replicas.sql(f"SELECT pg_terminate_backend({first})")
    wait_for("another guard", lambda: replicas.sql(GUARDED) not in ([], [first]), seconds=20)
