"""Snapshots of leader election, and manifests for them."""

from datetime import UTC, datetime
from typing import Any

from routeiq_syncd.configuration.bundle import make_bundle
from routeiq_syncd.revision.manifest import Manifest, Publisher, SourceVersion, make_manifest
from routeiq_syncd.status.snapshot import ClusterSnapshot

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
BUNDLE = make_bundle({"config.yaml": b"model_list: []"})


def manifest(number: int) -> Manifest:
    """What a volume holds as revision ``number``, published under epoch 3."""
    return make_manifest(number, BUNDLE.entries, SourceVersion("s3", "s3://b/k"), Publisher("host", 3), NOW)


def cluster_snapshot(**fields: Any) -> ClusterSnapshot:
    """What a replica knows that has just started, but for the given fields."""
    return ClusterSnapshot("host", "s3", "s3://b/k", **{"replica_id": "replica", "lock_name": "fleet", **fields})
