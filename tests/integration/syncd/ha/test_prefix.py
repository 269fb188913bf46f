"""A prefix of S3 over a fleet: the row holds the small files, and each replica fetches the large ones itself."""

from tests.support.fleet import Fleet
from tests.support.syncd import config
from tests.support.waiting import wait_for

LARGE = b"0123456789abcdef" * 131_072  # 2 MiB


def test_every_replica_fetches_a_large_file_once_and_keeps_it_over_revisions(replicas: Fleet) -> None:
    """At its version, whoever holds the lease; the next revision that keeps it fetches nothing, nor does a restart."""
    replicas.settings |= {"S3_CONFIG_PREFIX": "gateway/", "CONFIG_SETTLE_SECONDS": "0.3"}
    replicas.s3.client.put_bucket_versioning(Bucket=replicas.bucket, VersioningConfiguration={"Status": "Enabled"})
    replicas.s3.put(replicas.bucket, LARGE, "gateway/models/weights.bin")
    replicas.s3.put(replicas.bucket, config("first"), "gateway/config.yaml")
    for index in range(3):
        replicas.start(index)
    replicas.wait_serving("first")
    assert all(syncd.current()[1]["models/weights.bin"] == LARGE for syncd in replicas.syncds)
    assert fetched(replicas) == 3
    replicas.s3.put(replicas.bucket, config("second"), "gateway/config.yaml")
    replicas.wait_serving("second")
    replicas.kill(replicas.holder())
    replicas.s3.put(replicas.bucket, config("third"), "gateway/config.yaml")
    replicas.wait_serving("third", seconds=60)
    assert all((syncd.volume / "current/models/weights.bin").stat().st_nlink > 2 for syncd in replicas.syncds)
    assert fetched(replicas) == 3
    query = "SELECT payload IS NULL, manifest::jsonb #> '{origins,models/weights.bin}' IS NULL FROM routeiq.revision"
    assert set(replicas.sql(query)) == {"f|f"}


def test_a_large_file_that_is_gone_is_told_and_the_next_revision_is_followed(replicas: Fleet) -> None:
    """Where the bucket keeps no versions, a replica that comes late waits, says for what, and goes on."""
    replicas.settings |= {"S3_CONFIG_PREFIX": "gateway/", "CONFIG_SETTLE_SECONDS": "0.3"}
    replicas.s3.put(replicas.bucket, LARGE, "gateway/models/weights.bin")
    replicas.s3.put(replicas.bucket, config("first"), "gateway/config.yaml")
    replicas.start(0)
    replicas.wait_serving("first")
    assert "turn versioning on" in str(replicas.status(0)["warnings"])
    replicas.s3.put(replicas.bucket, LARGE[:-1], "gateway/models/weights.bin")
    replicas.s3.put(replicas.bucket, "model_list: [", "gateway/config.yaml")
    replicas.syncds[0].wait_for_status("the refusal", refused__by="syncd")
    late = replicas.start(1)
    wait_for("the reason", lambda: "is gone" in str(late.status().get("last_error")))
    assert not (late.volume / "current").exists()
    replicas.s3.put(replicas.bucket, config("second"), "gateway/config.yaml")
    replicas.wait_serving("second")


def fetched(replicas: Fleet) -> int:
    """How often the store was asked for the large file."""
    return replicas.s3.process.text().count(f"GET /{replicas.bucket}/gateway/models/weights.bin")
