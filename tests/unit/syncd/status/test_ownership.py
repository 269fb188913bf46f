"""What belongs to another is named; what is one's own is not."""

from dataclasses import replace

import pytest

from routeiq_syncd.revision.manifest import Manifest, Publisher
from routeiq_syncd.status.ownership import Ownership, not_own
from routeiq_syncd.volume.fleet_mark import FleetMark
from tests.support.snapshots import cluster_snapshot, manifest

OWN = manifest(4)
FOREIGN = replace(OWN, source=replace(OWN.source, location="s3://theirs/config.yaml"))
OTHER_KIND = replace(OWN, source=replace(OWN.source, kind="file"))
UNPUBLISHED = replace(FOREIGN, publisher=Publisher("host", 0))


@pytest.mark.parametrize(
    ("revision", "foreign"), [(OWN, False), (FOREIGN, True), (OTHER_KIND, True), (UNPUBLISHED, False)]
)
def test_a_source_is_foreign_by_its_kind_and_location(revision: Manifest, *, foreign: bool) -> None:
    """What nobody published came from one's own source; it is refused only where that is asked for."""
    assert Ownership("s3", "s3://b/k").foreign(revision) is foreign
    assert Ownership("s3", "s3://b/k").refusal(revision) is None
    assert (Ownership("s3", "s3://b/k", strict=True).refusal(revision) is not None) is foreign


def test_each_thing_of_another_has_a_sentence_with_what_to_do() -> None:
    """Revision, volume and id; nothing is said where all is one's own."""
    assert not_own(cluster_snapshot(desired=OWN, identity="here")) == ()
    snapshot = cluster_snapshot(
        desired=FOREIGN, identity="here", strangers=FleetMark("theirs", "there"), twin="host-2 on pod-2"
    )
    revision, volume, twin = not_own(snapshot)
    assert "s3://theirs/config.yaml" in revision
    assert "LLMROUTER_CONFIG_SYNC_LOCK_NAME" in revision
    assert "'theirs' of the database there" in volume
    assert "'fleet' of the database here" in volume
    assert "host-2 on pod-2" in twin
    assert "Delete the file replica-id" in twin
