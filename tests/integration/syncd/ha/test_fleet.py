"""One holder fetches, everyone serves; whoever holds the lease may stop or die."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Iterator

import asyncpg
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
    wait_for("every row", lambda: replicas.sql("SELECT count(*) FROM routeiq.replica WHERE desired = 2") == ["5"])
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


def test_only_who_asks_the_source_imports_its_client(replicas: Fleet) -> None:
    """A candidate never loads botocore; when it becomes the holder it does, and publishes the next change."""
    replicas.put("one")
    for index in range(2):
        replicas.start(index, PYTHONPROFILEIMPORTTIME="1")  # each import is told on stderr
        replicas.wait_serving("one")
    imported = [replicas.processes[index].text() for index in range(2)]
    assert ["botocore.session" in text for text in imported] == [True, False]
    assert ["asyncpg" in text for text in imported] == [True, True], "imports are told"
    assert not any("rich.console" in text for text in imported)
    replicas.kill(0)
    replicas.put("two")
    replicas.wait_serving("two")
    assert "botocore.session" in replicas.processes[1].text()


def test_the_news_of_a_revision_says_how_many_hear_it(replicas: Fleet) -> None:
    """So that each can choose its moment; whatever else is sent on the channel harms nobody."""
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
        replicas.wait_serving("one")
        replicas.syncds[index].wait_for_status("the ears", database__delivery="listen")
    channel = "routeiq_" + hashlib.sha256(b"config_sync").hexdigest()[:16]
    told: list[object] = []

    async def listen() -> None:
        connection = await asyncpg.connect(replicas.postgres.url(replicas.database))
        await connection.add_listener(channel, lambda *heard: told.append(heard[3]))
        for payload in ("published many", "published -1", "published", "nonsense", ""):
            await connection.execute("SELECT pg_notify($1, $2)", channel, payload)
        await asyncio.to_thread(replicas.put, "two")
        await asyncio.to_thread(replicas.wait_serving, "two")
        await asyncio.to_thread(wait_for, "the news", lambda: "published 2" in told)
        await connection.close()

    asyncio.run(listen())
    for index in range(2):
        assert replicas.status(index)["database"]["delivery"] == "listen"
        assert "Traceback" not in replicas.processes[index].text()
