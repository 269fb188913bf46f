"""One holder fetches, everyone serves; whoever holds the lease may stop or die."""

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.support.fleet import LEASE, Fleet
from tests.support.tcp_proxy import proxying
from tests.support.waiting import wait_for

EVERYONE = range(5)


@pytest.fixture
def requesting() -> Iterator[contextlib.ExitStack]:
    """What stands between replicas and S3, for as long as the test."""
    with contextlib.ExitStack() as stack:
        yield stack


def test_five_replicas_serve_a_change_that_one_of_them_fetched(
    replicas: Fleet, requesting: contextlib.ExitStack
) -> None:
    """Exactly one holder asks S3, at its interval; all five volumes serve what it published, under its epoch."""
    replicas.put("one")
    sources = [requesting.enter_context(proxying(int(replicas.s3.endpoint.rpartition(":")[2]))) for _ in EVERYONE]
    for index, source in enumerate(sources):
        replicas.start(index, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{source.port}")
    replicas.wait_serving("one")
    holder = replicas.holder()
    before, began = replicas.requests(), time.monotonic()
    wait_for("four polls of the holder", lambda: replicas.requests() >= before + 4)
    assert replicas.requests() - before <= (time.monotonic() - began) / 0.45 + 1, "one GET an interval for all five"
    assert len(replicas.answers("200")) == 1, "each poll is conditional: one body, and then 304"
    replicas.put("two")
    replicas.wait_serving("two")
    assert len(replicas.answers("200")) == 2, "one GET brought the change to all five"
    assert [source.accepted > 0 for source in sources] == [index == holder for index in EVERYONE]
    assert [number for number, _, _ in replicas.revisions()] == [1, 2]
    for index in EVERYONE:
        status = replicas.syncds[index].wait_for_status("the second revision", desired__number=2)
        election = status["leader_election"]
        assert status["mode"] == "leader_election"
        assert election["enabled"]
        assert election["is_leader"] == (index == holder)
        assert election["holder_id"] == replicas.status(holder)["database"]["own_holder_id"]
        assert election["lease_expires_at"].endswith("Z")
        assert (election["skipped_sync_count"] > 2) or index == holder
        assert status["database"]["desired"]["number"] == 2
        assert (status["database"]["delivery"], status["database"]["unpublished"]) == ("listen", False)
        assert (status["fetch"]["outcome"] is None) == (index != holder), "who does not hold the lease never fetched"
    rows = replicas.sql("SELECT desired, state FROM routeiq.replica")
    wait_for("every heartbeat", lambda: replicas.sql("SELECT count(*) FROM routeiq.replica WHERE desired = 2") == ["5"])
    assert len(rows) == 5


def test_a_clean_stop_hands_over_in_milliseconds(replicas: Fleet) -> None:
    """The next holder begins at once, with the next epoch, and publishes the next change."""
    replicas.put("one")
    for index in range(3):
        replicas.start(index)
    replicas.wait_serving("one")
    holder = replicas.holder()
    released = time.monotonic()
    replicas.stop(holder)
    wait_for("the next holder", lambda: replicas.leaders() not in ([], [holder]), every=0.02)
    assert time.monotonic() - released < LEASE / 2
    replicas.put("two")
    replicas.wait_serving("two")
    assert [epoch for _, epoch, _ in replicas.revisions()] == [1, 2]
    assert replicas.sql("SELECT count(*) FROM routeiq.replica") == ["2"], "who stops leaves the fleet"
