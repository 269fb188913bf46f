"""The S3 source, against real HTTP: what each state of the object, the bucket and the server leads to."""

import resource
import time
from pathlib import Path

import pytest

from tests.support.processes import free_port
from tests.support.s3 import Server, black_hole, moto, seaweed
from tests.support.syncd import Syncd, config

BUCKET = "configs"


@pytest.fixture
def bucket(s3: Server, request: pytest.FixtureRequest) -> str:
    """A bucket of the test's own."""
    return s3.bucket("bucket-" + str(abs(hash(request.node.nodeid))))


@pytest.fixture
def synced(syncd: Syncd, s3: Server, bucket: str) -> Syncd:
    """A syncd that reads the bucket."""
    syncd.settings = {"CONFIG_SOURCE": "s3", "S3_BUCKET_NAME": bucket, **s3.settings}
    return syncd


def test_an_object_becomes_a_revision_bound_to_its_version(synced: Syncd, s3: Server, bucket: str) -> None:
    """The manifest names the object and the etag that the store gave for exactly these bytes."""
    etag = s3.put(bucket, config("one"))
    assert synced.once()["outcome"] == "changed"
    manifest = (synced.volume / "current/manifest.json").read_text()
    assert etag.strip('"') in manifest
    assert f"s3://{bucket}/config.yaml" in manifest
    assert synced.once()["outcome"] == "unchanged"


def test_bad_objects_are_refused_by_name_and_the_next_good_one_is_taken(synced: Syncd, s3: Server, bucket: str) -> None:
    """Broken YAML, an empty object, one of 10 MB, an include, a deleted one: `current` stays, the status says why."""
    s3.put(bucket, config("good"))
    with synced.run() as process:
        synced.wait_for_status("the first revision", desired__number=1)
        for body, told in {
            b"model_list: [": "config.yaml:2: the YAML is broken",
            b"": "config.yaml: the file is empty",
            b"# " + b"x" * 10_000_000: "too large: at most 4194304 bytes are taken and it has 10000002 bytes",
            b"include: [other.yaml]\n": "'include' cannot work: the source is a single object",
        }.items():
            s3.put(bucket, body)
            synced.command("POST", "/poll")
            status = synced.wait_for_status("the refusal", refused__by="syncd", fetch__outcome="refused")
            assert told in status["refused"]["reason"]
            assert status["desired"]["number"] == 1
        s3.client.delete_object(Bucket=bucket, Key="config.yaml")
        synced.command("POST", "/poll")
        status = synced.status()
        assert status["fetch"]["outcome"] == "failed"
        assert f"The object 'config.yaml' does not exist in the bucket '{bucket}'" in status["last_error"]["message"]
        assert synced.current()[0] == 1
        s3.put(bucket, config("better"))
        status = synced.wait_for_status("the good one", desired__number=2)
        assert (status["refused"], status["last_error"]) == (None, None)
        for told in (
            "the YAML is broken",
            "config.yaml: the file is empty",
            "too large",
            "does not exist in the bucket",
        ):
            assert process.text().count(told) == 1, "logged once, not every poll"


def test_a_write_that_failed_is_repeated_though_the_object_did_not_change(
    synced: Syncd, s3: Server, bucket: str
) -> None:
    """A version that was not materialised is not remembered, so that no 304 hides it."""
    s3.put(bucket, config("one"))
    with synced.run() as process:
        synced.wait_for_status("the first revision", desired__number=1)
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
        s3.put(bucket, config("two") + "# " + "x" * 5000)
        synced.wait_for_status("the failed write", fetch__outcome="failed")
        assert synced.command("POST", "/poll")[1]["fetch"]["outcome"] == "failed", "no 304 hides the change"
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        synced.wait_for_status("the change", desired__number=2, last_error=None)


def test_a_revision_that_vanishes_from_the_volume_is_laid_anew(synced: Syncd, s3: Server, bucket: str) -> None:
    """What is unchanged at the source may be gone from the volume: a lost `current` comes back with a new number."""
    s3.put(bucket, config("one"))
    with synced.run():
        synced.wait_for_status("the first revision", desired__number=1)
        synced.volume.joinpath("current").unlink()
        synced.wait_for_status("the same content anew", desired__number=2)


def test_a_missing_bucket_has_its_own_sentence(syncd: Syncd, s3: Server) -> None:
    """The message names the bucket, the endpoint and the setting."""
    result = syncd.once(CONFIG_SOURCE="s3", S3_BUCKET_NAME="no-such-bucket", **s3.settings)
    assert result["outcome"] == "failed"
    assert "The bucket 'no-such-bucket' does not exist" in result["error"]
    assert s3.endpoint in result["error"]


def test_absent_credentials_have_their_own_sentence(syncd: Syncd, s3: Server) -> None:
    """Without credentials the message says so; it is no traceback."""
    result = syncd.once(
        CONFIG_SOURCE="s3", S3_BUCKET_NAME="any-bucket", AWS_ENDPOINT_URL_S3=s3.endpoint, HOME=str(syncd.directory)
    )
    assert "no complete AWS credentials" in result["error"]


def test_s3_down_at_start_serves_what_the_volume_holds_or_says_what_is_missing(syncd: Syncd, tmp_path: Path) -> None:
    """Nothing on the volume: not ready, with the reason, trying on. A cached revision: ready at once."""
    port = free_port()
    syncd.settings = {
        "CONFIG_SOURCE": "s3",
        "S3_BUCKET_NAME": BUCKET,
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "not-to-be-told",
    }
    with syncd.run() as process:
        syncd.wait_for_status("the failure", fetch__outcome="failed")
        code, body = syncd.request("GET", "/readyz")
        assert code == 503
        assert f"s3://{BUCKET}/config.yaml cannot be reached at the endpoint http://127.0.0.1:{port}" in body["reason"]
        assert syncd.request("GET", "/livez")[0] == 200
        with moto(tmp_path, port) as server:
            server.bucket(BUCKET)
            server.put(BUCKET, config())
            syncd.command("POST", "/poll")
            syncd.wait_for_status("the first revision", desired__number=1)
        syncd.command("POST", "/poll")
        status = syncd.status()
        assert status["fetch"]["outcome"] == "failed"
        assert status["fetch"]["seconds_since_success"] > 0
        assert "not-to-be-told" not in process.text()
    with syncd.run():
        assert syncd.wait_for_status("the failure", fetch__outcome="failed")["desired"]["number"] == 1
        assert syncd.request("GET", "/readyz")[0] == 200


def test_a_server_that_never_answers_does_not_hold_up_the_stop(syncd: Syncd) -> None:
    """SIGTERM while a fetch hangs ends the process at once and cleanly; the loops were alive all along."""
    with black_hole() as endpoint:
        settings = {"CONFIG_SOURCE": "s3", "S3_BUCKET_NAME": BUCKET, "AWS_ENDPOINT_URL_S3": endpoint}
        credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
        with syncd.run(settings | credentials) as process:
            process.wait_for_text("started")
            assert syncd.wait_for_status("a status without a fetch")["fetch"]["outcome"] is None
            assert syncd.request("GET", "/livez")[0] == 200
            began = time.monotonic()
            process.process.terminate()
            assert process.wait_for_exit() == 0
            assert time.monotonic() - began < 3


def test_it_works_the_same_with_an_independent_server(syncd: Syncd, tmp_path: Path) -> None:
    """Against SeaweedFS: change, no change, missing object, missing bucket, wrong key."""
    with seaweed(tmp_path) as server:
        bucket = server.bucket("real-configs")
        settings = {"CONFIG_SOURCE": "s3", "S3_BUCKET_NAME": bucket, **server.settings}
        assert f"The object 'config.yaml' does not exist in the bucket '{bucket}'" in syncd.once(**settings)["error"]
        server.put(bucket, config("one"))
        with syncd.run(settings):
            syncd.wait_for_status("the first revision", desired__number=1)
            assert syncd.command("POST", "/poll")[1]["fetch"]["outcome"] == "unchanged"
            server.put(bucket, config("two"))
            syncd.wait_for_status("the second revision", desired__number=2)
        wrong = {**settings, "AWS_SECRET_ACCESS_KEY": "wrong-secret-never-told"}
        error = syncd.once(**wrong)["error"]
        assert "credentials" in error
        assert "wrong-secret-never-told" not in error
        missing = {**settings, "S3_BUCKET_NAME": "no-such-bucket"}
        assert "no-such-bucket" in syncd.once(**missing)["error"]


def test_a_role_taken_with_a_web_identity_reads_the_object(syncd: Syncd, s3: Server, bucket: str) -> None:
    """The way of credentials in Kubernetes: a token in a file is exchanged at STS, and the object is read with that."""
    s3.put(bucket, config("one"))
    token = syncd.directory / "token"
    token.write_text("a token that the test's server does not look into")
    result = syncd.once(
        CONFIG_SOURCE="s3",
        S3_BUCKET_NAME=bucket,
        AWS_ENDPOINT_URL=s3.endpoint,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/reader",
        AWS_WEB_IDENTITY_TOKEN_FILE=str(token),
        HOME=str(syncd.directory),
    )
    assert result["outcome"] == "changed"
    assert "POST / " in s3.process.text(), "STS was asked"
