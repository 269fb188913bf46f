"""What a replica does about the desired revision, what a holder publishes, and what both say about the database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from routeiq_syncd.configuration.bundle import Bounds, make_bundle
from routeiq_syncd.replication.pointed import SPREAD_SECONDS, Puller, some_moment
from routeiq_syncd.replication.replica_row import beat_of
from routeiq_syncd.revision.decide import Rules, Same
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.manifest import Manifest, Publisher, SourceVersion, make_manifest
from routeiq_syncd.revision.plan import (
    Barred,
    Behind,
    Head,
    Nothing,
    Publish,
    Take,
    UpToDate,
    plan_materialise,
    plan_publish,
)
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.status.document import Cluster, Failover, Snapshot, document
from routeiq_syncd.status.explain import barred_text, behind_text, explain

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
RULES = Rules(Bounds(), frozenset(), Publisher("host-1a2b3c4d"))
SOURCE = SourceVersion("s3", "s3://b/config.yaml")
BUNDLE = make_bundle({"config.yaml": b"model_list: []"})
FETCHED = Fetched(BUNDLE, SOURCE, "token")
OTHER = "f" * 64


def on_volume(number: int) -> Manifest:
    """What a volume holds as revision ``number``."""
    return make_manifest(number, BUNDLE.entries, SOURCE, Publisher("host", 3), NOW)


@pytest.mark.parametrize(
    ("head", "current", "highest", "expected"),
    [
        (None, None, 0, Nothing()),
        (None, on_volume(4), 4, Behind(0, 4)),
        (None, on_volume(4), 6, Behind(0, 6)),
        (None, replace(on_volume(4), publisher=Publisher("host", 0)), 4, Nothing()),
        (Head(4, BUNDLE.digest), None, 0, Take(4)),
        (Head(4, BUNDLE.digest), on_volume(4), 4, UpToDate()),
        (Head(5, OTHER), on_volume(4), 4, Take(5)),
        (Head(5, OTHER), on_volume(4), 5, Take(5)),
        (Head(3, OTHER), on_volume(4), 4, Behind(3, 4)),
        (Head(4, OTHER), on_volume(4), 4, Behind(4, 4)),
        (Head(5, OTHER), on_volume(4), 6, Behind(5, 6)),
        (Head(3, OTHER), None, 4, Behind(3, 4)),
    ],
)
def test_a_volume_never_goes_back(
    head: Head | None, current: Manifest | None, highest: int, expected: Nothing | UpToDate | Take | Behind
) -> None:
    """Forward only: a lower number, or the same with other content, waits for a higher one."""
    assert plan_materialise(head, current, highest) == expected


def test_what_the_database_lost_is_published_above() -> None:
    """Content that is recorded is not recorded again, unless a replica has had a number that the database has not."""
    head = Head(4, BUNDLE.digest)
    assert isinstance(plan_publish(FETCHED, head, RULES, floor=4, ahead=0), Same)
    assert isinstance(plan_publish(FETCHED, head, RULES, floor=6, ahead=3), Same)
    for ahead in (4, 6):
        plan = plan_publish(FETCHED, head, RULES, floor=2, ahead=ahead)
        assert isinstance(plan, Publish)
        assert plan.floor == ahead
    plan = plan_publish(FETCHED, None, RULES, floor=2, ahead=0)
    assert isinstance(plan, Publish)
    assert plan.floor == 2


def test_content_that_moved_is_published_anew() -> None:
    """The source has the same content at another version than the one pointed to, which may be gone at any time."""
    head = Head(4, BUNDLE.digest)
    first, second = (Pointer("b", "k", version, '"etag"') for version in ("1", "2"))
    held = replace(FETCHED, pointer=first)
    assert isinstance(plan_publish(held, head, RULES, floor=4, ahead=0, pointed=first), Same)
    for moved in (replace(FETCHED, pointer=second), FETCHED):
        plan = plan_publish(moved, head, RULES, floor=4, ahead=0, pointed=first)
        assert isinstance(plan, Publish)
        assert plan.floor == 4


def test_a_replica_that_is_ahead_says_of_what() -> None:
    """Its row names the highest number that its volume has had, since nothing at or below it can be taken."""
    cluster = Cluster("replica", "fleet", ahead=9)
    beat = beat_of(Snapshot("host", "s3", "s3://b/k", desired=on_volume(7), cluster=cluster), "pod")
    assert (beat.state, beat.desired) == ("ahead", 9)
    beat = beat_of(Snapshot("host", "s3", "s3://b/k", desired=on_volume(7), cluster=replace(cluster, ahead=0)), "pod")
    assert (beat.state, beat.desired) == ("materialised", 7)


@pytest.mark.parametrize(
    ("barred", "told"), [("standby", "promote this server"), ("read-only", "default_transaction_read_only")]
)
def test_a_database_that_cannot_be_written_is_named_with_its_setting(barred: Barred, told: str) -> None:
    """The sentence names the place, the setting, and what to do."""
    sentence = barred_text(barred, "PostgreSQL at db:5432", "DIRECT_URL")
    assert sentence is not None
    assert sentence.startswith("PostgreSQL at db:5432 is ")
    assert "DIRECT_URL" in sentence
    assert told in sentence
    assert barred_text("", "PostgreSQL at db:5432", "DIRECT_URL") is None
    assert "lost revisions" in behind_text(Behind(3, 4), "")
    assert "lost revisions" not in behind_text(Behind(3, 4), barred)


def test_explain_tells_of_a_failover_and_of_a_database_that_is_only_read() -> None:
    """Both from the status document, as it comes over the socket."""
    failover = Failover("2026-11-22T22:00:00.000Z", "77/1", "77/2")
    cluster = Cluster("replica", "fleet", server="77/2", failover=failover, barred="standby", ahead=4)
    status = document(Snapshot("host", "s3", "s3://b/k", desired=on_volume(4), cluster=cluster), NOW)
    assert status["database"] == status["database"] | {  # type: ignore[operator]  # a document
        "server": "77/2",
        "failover": {"at": failover.at, "before": "77/1", "after": "77/2"},
        "barred": "standby",
        "ahead": 4,
    }
    told = explain(status)
    assert "cannot be written" in str(told["election"])
    assert "went from 77/1 to 77/2" in str(told["revision"])


def test_a_fleet_asks_the_store_at_moments_of_its_own() -> None:
    """Each replica lets a random part of two seconds pass before it fetches what a revision points to."""
    moments = [some_moment() for _ in range(200)]
    assert all(0 <= moment <= SPREAD_SECONDS for moment in moments)
    assert max(moments) - min(moments) > SPREAD_SECONDS / 2
    asked = []

    def spread() -> float:
        asked.append("waits")
        return 3600

    async def story() -> None:
        puller = Puller(lambda: asked.append("fetched"), lambda: 0.0, spread=spread)
        assert puller.content(on_volume(4), Pointer("bucket", "key", "1", None)) is None
        for _ in range(10):
            await asyncio.sleep(0)

    asyncio.run(story())
    assert asked[0] == "waits"
