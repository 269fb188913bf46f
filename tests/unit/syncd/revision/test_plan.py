"""What a replica does about the desired revision, and what a holder publishes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from routeiq_syncd.configuration.bundle import Bounds, make_bundle
from routeiq_syncd.revision.decide import Refuse, Rules, Same
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.manifest import Manifest, Publisher, SourceVersion, make_manifest
from routeiq_syncd.revision.plan import (
    MOST_ROW_BYTES,
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
        (Head(4, BUNDLE.digest), None, 0, Take(Head(4, BUNDLE.digest))),
        (Head(4, BUNDLE.digest), on_volume(4), 4, UpToDate()),
        (Head(5, OTHER), on_volume(4), 4, Take(Head(5, OTHER))),
        (Head(5, OTHER), on_volume(4), 5, Take(Head(5, OTHER))),
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
    assert isinstance(plan_publish(FETCHED, head, RULES, now=NOW, floor=4, ahead=0), Same)
    assert isinstance(plan_publish(FETCHED, head, RULES, now=NOW, floor=6, ahead=3), Same)
    for ahead in (4, 6):
        plan = plan_publish(FETCHED, head, RULES, now=NOW, floor=2, ahead=ahead)
        assert isinstance(plan, Publish)
        assert plan.floor == ahead
    anew = plan_publish(FETCHED, head, RULES, now=NOW, floor=4, ahead=0, lost=True)
    assert isinstance(anew, Publish)
    assert anew.floor >= head.number
    plan = plan_publish(FETCHED, None, RULES, now=NOW, floor=2, ahead=0)
    assert isinstance(plan, Publish)
    assert plan.floor == 2


def test_content_that_moved_is_published_anew() -> None:
    """The source has the same content at another version than the one pointed to, which may be gone at any time."""
    head = Head(4, BUNDLE.digest)
    first, second = (Pointer("b", "k", version, '"etag"') for version in ("1", "2"))
    held = replace(FETCHED, pointer=first)
    assert isinstance(plan_publish(held, head, RULES, now=NOW, floor=4, ahead=0, places=(first, None)), Same)
    for moved in (replace(FETCHED, pointer=second), FETCHED):
        plan = plan_publish(moved, head, RULES, now=NOW, floor=4, ahead=0, places=(first, None))
        assert isinstance(plan, Publish)
        assert plan.floor == 4


def test_how_a_revision_travels() -> None:
    """In the row up to the setting; above it by pointer, or in the row where nothing points, up to a bound."""
    version, etag = Pointer("b", "k", "v1", '"e"'), Pointer("b", "k", "null", '"e"')
    rules = Rules(Bounds(config_bytes=2 * MOST_ROW_BYTES, row_bytes=20), frozenset(), Publisher("h"))
    small, large, huge = (
        Fetched(make_bundle({"config.yaml": b"{a: 1} #" + b"x" * more}), SOURCE, "token")
        for more in (12, 13, MOST_ROW_BYTES)
    )
    plans = [plan_publish(replace(small, pointer=version), None, rules, now=NOW, floor=6, ahead=0)]
    plans += [
        plan_publish(replace(large, pointer=pointer), None, rules, now=NOW, floor=6, ahead=0)
        for pointer in (version, etag, None)
    ]
    plans.append(plan_publish(replace(huge, pointer=version), None, rules, now=NOW, floor=6, ahead=0))
    assert all(isinstance(plan, Publish) and plan.floor == 6 for plan in plans)
    assert [plan.pointer for plan in plans if isinstance(plan, Publish)] == [None, version, etag, None, version]
    warned = ["ROUTEIQ_MAX_ROW_BYTES" in str(plan.warnings) for plan in plans if isinstance(plan, Publish)]
    assert warned == [False, False, True, False, False], "only where an overwritten version is lost"
    refused = plan_publish(huge, None, rules, now=NOW, floor=6, ahead=0)
    assert isinstance(refused, Refuse)
    assert "CONFIG_SOURCE=s3" in refused.problems[0].text()
