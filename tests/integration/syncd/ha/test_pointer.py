"""Configurations too large for a row: each replica fetches the very version that was published, and checks it."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routeiq_syncd.configuration.bundle import make_bundle
from routeiq_syncd.replication.pointed import LONG_SECONDS, PointedFetcher
from routeiq_syncd.revision.manifest import Publisher, SourceVersion, make_manifest
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.volume.shelf import Shelf
from tests.support.fleet import LEASE, PADDING, Fleet, fleet
from tests.support.postgres import PostgresServer
from tests.support.s3 import dripping, seaweed
from tests.support.syncd import config
from tests.support.tcp_proxy import proxying
from tests.support.waiting import wait_for


def put_large(replicas: Fleet, name: str) -> None:
    """Change the configuration at the source to one of 2 MiB."""
    replicas.s3.put(replicas.bucket, config(name) + PADDING)


def keep_versions(replicas: Fleet) -> None:
    """Have the bucket keep what is overwritten."""
    replicas.s3.client.put_bucket_versioning(Bucket=replicas.bucket, VersioningConfiguration={"Status": "Enabled"})


def wait_stuck(replicas: Fleet, index: int, told: str) -> None:
    """Wait until a replica says ``told`` in its status, and in the fleet's."""
    syncd = replicas.syncds[index]
    wait_for(told, lambda: told in str(syncd.status().get("last_error")))
    query = f"SELECT state FROM routeiq.replica WHERE reason LIKE '%{told}%'"  # noqa: S608 - the test's own words
    wait_for("the state in the database", lambda: replicas.sql(query) == ["stuck"])


def test_a_large_configuration_is_fetched_by_every_replica_at_its_version(replicas: Fleet) -> None:
    """The row holds where it is, not what it is; each replica asks the store once; a small one travels in the row."""
    keep_versions(replicas)
    put_large(replicas, "large")
    for index in range(3):
        replicas.start(index)
    replicas.wait_serving("large")
    query = "SELECT payload IS NULL, source ->> 'bucket', source ->> 'key' FROM routeiq.revision ORDER BY number"
    assert replicas.sql(query) == [f"t|{replicas.bucket}|config.yaml"]
    [version] = replicas.sql("SELECT source ->> 'version_id' FROM routeiq.revision")
    pointed = f"GET /{replicas.bucket}/config.yaml?versionId={version}"
    assert replicas.s3.process.text().count(pointed) == 3
    assert replicas.status(0)["warnings"] == []
    replicas.put("small")
    replicas.wait_serving("small")
    put_large(replicas, "larger")
    replicas.wait_serving("larger")
    assert [row.split("|")[0] for row in replicas.sql(query)] == ["t", "f", "t"]
    assert all(replicas.status(index)["last_error"] is None for index in range(3))


def test_a_version_that_is_gone_is_told_and_the_next_revision_is_followed(replicas: Fleet) -> None:
    """Overwritten where no versions are kept: the last known good serves on, an empty volume says why it is empty."""
    replicas.put("small")
    replicas.start(0)
    replicas.start(1)
    replicas.wait_serving("small")
    replicas.stop(1)
    put_large(replicas, "large")
    replicas.wait_serving("large", 0)
    warnings = replicas.syncds[0].wait_for_status("the warning")["warnings"]
    assert "turn versioning on" in warnings[0]
    replicas.s3.put(replicas.bucket, "model_list: [")
    replicas.syncds[0].wait_for_status("the refusal", refused__by="syncd")
    replicas.start(1)
    wait_stuck(replicas, 1, "is gone")
    assert replicas.serving(1) == "small"
    assert replicas.syncds[1].request("GET", "/readyz")[0] == 200
    assert "is not on the volume yet" in replicas.syncds[1].call("explain").stdout
    replicas.start(2)
    syncd = replicas.syncds[2]
    wait_for("the reason", lambda: "is gone" in str(syncd.status().get("last_error")))
    code, answer = syncd.request("GET", "/readyz")
    assert (code, "is gone" in answer["reason"]) == (503, True)
    put_large(replicas, "new")
    replicas.wait_serving("new")
    for index in (1, 2):
        replicas.syncds[index].wait_for_status("no error any more", last_error=None, desired__number=3)


def test_the_same_content_uploaded_again_mends_a_pointer(replicas: Fleet) -> None:
    """Its first version removed, a new replica is stuck until the holder has published where the content is now."""
    keep_versions(replicas)
    put_large(replicas, "large")
    replicas.start(0)
    replicas.wait_serving("large")
    put_large(replicas, "large")
    [first] = replicas.sql("SELECT source ->> 'version_id' FROM routeiq.revision")
    replicas.s3.client.delete_object(Bucket=replicas.bucket, Key="config.yaml", VersionId=first)
    replicas.start(1)
    wait_stuck(replicas, 1, "is gone")
    replicas.wait_serving("large", 1, seconds=90)
    [second] = replicas.sql("SELECT source ->> 'version_id' FROM routeiq.revision WHERE number = 2")
    assert second != first


def test_a_cold_start_with_the_store_down_says_what_is_missing_and_goes_on_when_it_is_back(replicas: Fleet) -> None:
    """The database names a revision that only the store has: not ready, with the reason; then ready by itself."""
    put_large(replicas, "large")
    replicas.start(0)
    replicas.wait_serving("large")
    port = int(replicas.s3.endpoint.rpartition(":")[2])
    with proxying(port) as proxy:
        proxy.open = False
        replicas.start(1, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{proxy.port}")
        wait_stuck(replicas, 1, "cannot be reached")
        code, answer = replicas.syncds[1].request("GET", "/readyz")
        assert code == 503
        assert "Revision 1 travels by pointer and cannot be fetched" in answer["reason"]
        assert replicas.syncds[1].request("GET", "/livez")[0] == 200
        proxy.open = True
        replicas.wait_serving("large", 1)
        replicas.syncds[1].wait_for_status("no error any more", last_error=None)


def test_a_store_that_hangs_keeps_nobody_from_the_lease(replicas: Fleet) -> None:
    """A replica to which the content never comes takes over from a dead holder all the same."""
    put_large(replicas, "large")
    replicas.start(0)
    replicas.wait_serving("large")
    with dripping() as endpoint:
        replicas.start(1, AWS_ENDPOINT_URL_S3=endpoint)
        replicas.syncds[1].wait_for_status("a look at the database", database__desired__number=1, desired=None)
        replicas.kill(0)
        replicas.syncds[1].wait_for_status("the take-over", leader_election__is_leader=True)
    assert replicas.sql("SELECT epoch FROM routeiq.lease") == ["2"]


def test_a_fetch_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Silent for a while, since it may just be under way; then in a sentence; not asked a second time meanwhile."""
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    entries = make_bundle({"config.yaml": b"{}"}).entries
    manifest = make_manifest(7, entries, SourceVersion("s3", "s3://b/k"), Publisher("h"), datetime.now(UTC))
    now = 0.0

    async def story() -> None:
        nonlocal now
        fetcher = PointedFetcher(Shelf(tmp_path), lambda: None, lambda: now)
        pointer = Pointer("bucket", "config.yaml", None, '"etag"')
        assert fetcher.content(manifest, pointer) is None
        await asyncio.sleep(0)
        now = LONG_SECONDS - 1
        assert fetcher.content(manifest, pointer) is None
        now = LONG_SECONDS + 1
        assert "Revision 7 travels by pointer, and the store has not answered" in str(
            fetcher.content(manifest, pointer)
        )

    with dripping() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        asyncio.run(story())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("source = source || jsonb_build_object('version_id', '{first}')", "content that its digest names"),
        ("source = source - 'bucket'", "no content in the database that this release can read"),
    ],
)
def test_a_pointer_that_leads_elsewhere_is_not_followed(replicas: Fleet, change: str, told: str) -> None:
    """What it leads to is not what the digest names, or it cannot be read: told and left alone."""
    keep_versions(replicas)
    put_large(replicas, "first")
    replicas.start(0)
    replicas.wait_serving("first")
    put_large(replicas, "second")
    replicas.wait_serving("second")
    [first] = replicas.sql("SELECT source ->> 'version_id' FROM routeiq.revision WHERE number = 1")
    replicas.sql(f"UPDATE routeiq.revision SET {change.format(first=first)}")  # noqa: S608 - the test's own words
    replicas.start(1)
    wait_stuck(replicas, 1, told)
    assert replicas.serving(1) == ""


def test_a_large_configuration_from_a_file_travels_in_the_row(replicas: Fleet, tmp_path: Path) -> None:
    """Nothing else can fetch a file, so the row takes it, sealed where there is a key."""
    path = tmp_path / "config.yaml"
    path.write_text(config("large") + PADDING)
    replicas.settings |= {"CONFIG_SOURCE": "file", "S3_BUCKET_NAME": "", "LITELLM_CONFIG_PATH": str(path)}
    replicas.settings["ROUTEIQ_CONFIG_KEY"] = base64.b64encode(b"k" * 32).decode()
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("large")
    assert replicas.sql("SELECT substr(payload, 1, 1), source ->> 'bucket' FROM routeiq.revision") == ["\\x45|"]


def test_it_works_the_same_with_an_independent_server(tmp_path: Path, server: PostgresServer) -> None:
    """Against SeaweedFS: a version by its id, then one that was overwritten by its etag."""
    with seaweed(tmp_path) as s3, fleet(tmp_path, server, s3, "seaweed") as replicas:
        put_large(replicas, "unversioned")
        replicas.start(0)
        replicas.wait_serving("unversioned", seconds=LEASE + 30)
        replicas.s3.put(replicas.bucket, "model_list: [")
        replicas.syncds[0].wait_for_status("the refusal", refused__by="syncd")
        replicas.start(1)
        wait_stuck(replicas, 1, "is gone")
        keep_versions(replicas)
        put_large(replicas, "versioned")
        replicas.wait_serving("versioned")
        replicas.s3.put(replicas.bucket, "model_list: [")
        replicas.syncds[0].wait_for_status("the refusal", refused__by="syncd")
        replicas.start(2)
        replicas.wait_serving("versioned", 2)
