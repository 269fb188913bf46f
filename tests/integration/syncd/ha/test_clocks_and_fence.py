# The statements of these tests are put together from names of their own.
# ruff: noqa: S608
"""The database alone decides: clocks that are off, terms that are over, poolers between, rows that were changed."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from routeiq_syncd.configuration.bundle import make_bundle
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import Overtaken
from routeiq_syncd.database.session import Session
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.lease import EPOCH_GAP, Grant, Lost, Term, Timing, begin
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.manifest import Manifest, SourceVersion
from tests.support.fleet import LEASE, Fleet
from tests.support.pgbouncer import running_pgbouncer
from tests.support.processes import REPOSITORY
from tests.support.syncd import config
from tests.support.waiting import wait_for

TIMING = Timing(lease=2.0, renew=1.0)
Value = TypeVar("Value")


def nothing(_step: str) -> None:
    """No fault point."""


def fetched(name: str) -> Fetched:
    """A bundle as a source gives it."""
    return Fetched(make_bundle({"config.yaml": config(name).encode()}), SourceVersion("s3", "s3://b/k"), name)


def asked(replicas: Fleet, question: Callable[[Database], Awaitable[Value]]) -> Value:
    """Ask the database through syncd's own edge."""

    async def ask() -> Value:
        session = Session(parse_url(replicas.postgres.url(replicas.database)), seconds=5)
        try:
            return await question(Database(session, "config_sync", TIMING))
        finally:
            session.drop()

    return asyncio.run(ask())


async def granted(database: Database, holder: str, deserted: int | None = None) -> Term:
    """Acquire, which has to succeed."""
    answer = await database.acquire(holder, deserted)
    assert isinstance(answer, Grant)
    return begin(holder, answer, 0.0, TIMING)


def test_the_database_refuses_a_term_that_is_over(replicas: Fleet) -> None:
    """Another's epoch, a forged epoch, an expired and a released term: no revision, no renewal; epochs only rise."""

    async def story(database: Database) -> None:
        first = await granted(database, "a")
        assert isinstance(await database.acquire("b", None), Lost)
        assert isinstance(await database.acquire("b", first.epoch - 1), Lost)
        assert isinstance(await database.publish(first, fetched("one"), 0, nothing), Manifest)
        second = await granted(database, "b", deserted=first.epoch)
        assert second.epoch == first.epoch + 1
        for over in (first, replace(first, epoch=second.epoch), replace(second, epoch=99)):
            assert isinstance(await database.publish(over, fetched("stale"), 0, nothing), Lost)
            assert isinstance(await database.renew(over), Lost)
            await database.release(over)
        published = await database.publish(second, fetched("two"), 41, nothing)
        assert isinstance(published, Manifest)
        assert (published.number, published.publisher.epoch) == (42, 2)
        await database.release(second)
        assert isinstance(await database.publish(second, fetched("stale"), 0, nothing), Lost)
        third = await granted(database, "a")
        await asyncio.sleep(TIMING.lease + 0.1)
        assert isinstance(await database.publish(third, fetched("stale"), 0, nothing), Lost)
        assert isinstance(await database.renew(third), Lost)
        assert (await granted(database, "c")).epoch == 4

    asked(replicas, story)
    assert [row[:2] for row in replicas.revisions()] == [(1, 1), (42, 2)]


def test_a_publish_keeps_the_lease_where_it_is(replicas: Fleet) -> None:
    """From the check of the term to the commit the row is locked, so nobody is granted an epoch in between."""
    seen = []

    def grab(step: str) -> None:
        if step == "inside the transaction":
            grabbing = "DO $$ BEGIN PERFORM FROM routeiq.lease FOR UPDATE NOWAIT; EXCEPTION WHEN lock_not_available"
            replicas.sql(f"{grabbing} THEN CREATE TABLE was_locked (); END $$")
            seen.append(replicas.sql("SELECT to_regclass('was_locked') IS NOT NULL"))

    async def publishes(database: Database) -> Manifest | Lost | Overtaken:
        return await database.publish(await granted(database, "a"), fetched("one"), 0, grab)

    assert isinstance(asked(replicas, publishes), Manifest)
    assert seen == [["t"]]


def test_a_term_is_void_in_another_history_of_the_database(replicas: Fleet) -> None:
    """Granted elsewhere: nothing is renewed or recorded, anyone may acquire, and lost epochs are stepped over."""

    async def story(database: Database) -> None:
        first = await granted(database, "a")
        server = (await database.look()).server
        system, timeline = server.split("/")
        replicas.sql(f"UPDATE routeiq.lease SET server = '{system}/{int(timeline) - 1}'")
        lease = (await database.look()).lease
        assert lease is not None
        assert lease.void
        assert isinstance(await database.renew(first), Lost)
        assert isinstance(await database.publish(first, fetched("stale"), 0, nothing), Lost)
        second = await granted(database, "b")
        assert second.epoch == first.epoch + EPOCH_GAP
        assert isinstance(await database.publish(second, fetched("two"), 0, nothing), Manifest)
        # The row lacks an epoch that somebody has seen, though the server seems the same.
        replicas.sql("UPDATE routeiq.lease SET epoch = 7, expires_at = clock_timestamp()")
        third = await database.acquire("c", None, second.epoch)
        assert isinstance(third, Grant)
        assert third.epoch == second.epoch + EPOCH_GAP
        replicas.sql("DELETE FROM routeiq.lease")
        fourth = await database.acquire("d", None, third.epoch)
        assert isinstance(fourth, Grant)
        assert fourth.epoch == third.epoch + EPOCH_GAP
        # Where the server does not tell, nothing is held against a term.
        replicas.sql("UPDATE routeiq.lease SET server = ''")
        assert isinstance(await database.renew(begin("d", fourth, 0.0, TIMING)), Grant)

    asked(replicas, story)


def test_of_many_candidates_at_once_one_gets_the_lease(replicas: Fleet) -> None:
    """Twenty ask at the same moment; the epoch counts those who got it."""

    async def story(database: Database) -> list[Grant | Lost]:
        sessions = [Session(parse_url(replicas.postgres.url(replicas.database)), seconds=20) for _ in range(20)]
        crowd = [Database(session, database.lock_name, replace(TIMING, lease=30.0)) for session in sessions]
        answers = await asyncio.gather(*(one.acquire(f"c{at}", None) for at, one in enumerate(crowd)))
        for session in sessions:
            session.drop()
        return list(answers)

    answers = asked(replicas, story)
    assert [answer.epoch for answer in answers if isinstance(answer, Grant)] == [1]


def test_clocks_an_hour_apart_change_nothing(replicas: Fleet) -> None:
    """One an hour ahead, one an hour behind, one right: one holder, every change everywhere, take-over as ever."""
    script = str(REPOSITORY / "tests/support/syncd_shifted.py")
    replicas.put("one")
    for index, seconds in enumerate(("3600", "-3600", "0")):
        replicas.start(index, command=[sys.executable, script, seconds])
    replicas.wait_serving("one")
    for turn in range(2):
        holder = replicas.holder()
        replicas.kill(holder)
        replicas.put(f"turn-{turn}")
        replicas.wait_serving(f"turn-{turn}", seconds=LEASE + 15)
        assert len(replicas.leaders()) == 1
    assert [row[:2] for row in replicas.revisions()] == [(1, 1), (2, 2), (3, 3)]


def test_a_transaction_pooler_between_costs_only_time(replicas: Fleet) -> None:
    """Through PgBouncer everything arrives by polling; with DIRECT_URL beside it, by notification."""
    with running_pgbouncer(replicas.postgres) as port:
        direct = replicas.postgres.url(replicas.database)
        pooled = direct.replace(f":{replicas.postgres.port}/", f":{port}/") + "?pgbouncer=true&connection_limit=1"
        replicas.put("one")
        replicas.start(0, DATABASE_URL=pooled.replace("pgbouncer=true&", ""))
        replicas.start(1, DATABASE_URL=pooled)
        replicas.start(2, DATABASE_URL=pooled, DIRECT_URL=direct)
        replicas.wait_serving("one")
        deliveries = [replicas.status(index)["database"]["delivery"] for index in range(3)]
        assert deliveries == ["poll", "poll", "listen"]
        for name in ("two", "three"):
            replicas.put(name)
            replicas.wait_serving(name)
        replicas.kill(replicas.holder())
        replicas.put("four")
        replicas.wait_serving("four", seconds=LEASE + 15)
        for index in (0, 1):
            said = replicas.syncds[index].log.read_text().count("no notification arrives")
            assert said == 1, "once"


@pytest.mark.parametrize(
    ("payload", "told", "numbers"),
    [("decode('5a00', 'hex')", "content that its digest names", [1, 2, 3]), ("'Y'", "upgrade syncd", [1, 2])],
    ids=["damaged", "of a later release"],
)
def test_content_that_is_not_its_digest_is_not_served(
    replicas: Fleet, payload: str, told: str, numbers: list[int]
) -> None:
    """A row that was tampered with is told, and published anew; one of a later release is left alone."""
    replicas.put("one")
    syncd = replicas.start(0)
    replicas.wait_serving("one")
    replicas.sql(
        "INSERT INTO routeiq.revision (lock_name, number, digest, manifest, payload, epoch, holder_id) "
        f"SELECT lock_name, 2, digest, manifest || '{{\"number\": 2}}', {payload}, epoch, holder_id "
        "FROM routeiq.revision"
    )
    wait_for("the reason", lambda: told in syncd.log.read_text())
    assert 2 not in {int(path.name[:6]) for path in (syncd.volume / "revisions").iterdir()}
    replicas.stop(0)
    replicas.start(0)
    wait_for("a turn", lambda: syncd.status().get("fetch", {}).get("outcome") in {"changed", "unchanged"})
    wait_for("the revisions", lambda: [row[0] for row in replicas.revisions()] == numbers)
    syncd.wait_for_status("what is good", desired__number=3 if 3 in numbers else 1)
