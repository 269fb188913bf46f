"""What replicas of different releases write into one database, and read there."""

import base64
import json

import pytest

from routeiq_migrate.scripts import own_migrations
from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.database.seal import Ring, context_of
from routeiq_syncd.database.session import NEEDED
from routeiq_syncd.revision.manifest import SourceVersion, read_manifest
from routeiq_syncd.revision.payload import unpack
from routeiq_syncd.revision.pointer import Pointer, read_pointer, write_source
from tests.contract.test_syncd import FILES, GOLDEN

POINTER = Pointer("bucket", "config.yaml", "v1", '"abc"')


def test_migrate_makes_the_schema_that_syncd_needs() -> None:
    """The name that syncd looks for in the ledger is that of the newest migration, on whose tables it is tested."""
    assert max(migration.name for migration in own_migrations()) == NEEDED


@pytest.mark.parametrize("name", ["payload.b64", "payload-sealed.b64"])
def test_a_payload_of_an_earlier_release_is_read(name: str) -> None:
    """Packed, and packed and sealed: the golden manifest's files come out."""
    manifest = read_manifest((GOLDEN / "manifest.json").read_bytes())
    assert manifest is not None
    payload = base64.b64decode((GOLDEN / name).read_text())
    opened = Ring((b"k" * 32,)).open(payload, context_of("config_sync", manifest.digest), manifest)
    assert isinstance(opened, bytes)
    bundle = unpack(opened, manifest)
    assert isinstance(bundle, Bundle)
    assert bundle.files == FILES


def test_a_pointer_is_written_as_agreed() -> None:
    """The column `source` is the manifest's source, and the object's place."""
    version = SourceVersion("s3", "s3://bucket/config.yaml", version_id="v1", etag='"abc"')
    assert json.loads(write_source(version, POINTER)) == json.loads((GOLDEN / "source-pointer.json").read_bytes())


def test_a_pointer_to_google_cloud_storage_is_written_and_read() -> None:
    """A generation names the version, and the kind of the store goes with it."""
    version = SourceVersion("gcs", "gs://bucket/config.yaml", generation="17", etag="CBE=")
    pointer = Pointer("bucket", "config.yaml", None, "CBE=", "17")
    written = write_source(version, pointer)
    assert json.loads(written) == json.loads((GOLDEN / "source-pointer-gcs.json").read_bytes())
    assert read_pointer(written) == pointer


@pytest.mark.parametrize("name", ["source-pointer.json", "source-pointer-newer.json"])
def test_a_pointer_of_any_release_is_read(name: str) -> None:
    """Unknown fields are ignored."""
    assert read_pointer((GOLDEN / name).read_text()) == POINTER


@pytest.mark.parametrize(
    "source",
    [
        "{}",
        "[]",
        '{"kind": "gcs", "bucket": "b", "key": "k", "etag": "1"}',
        '{"kind": "gcs", "bucket": "b", "key": "k", "generation": 1}',
        '{"kind": "azure", "bucket": "b", "key": "k", "etag": "1"}',
        '{"kind": "s3", "bucket": "b", "key": "k", "version_id": "null", "etag": null}',
        '{"kind": "s3", "key": "k", "version_id": "v1"}',
        '{"kind": "s3", "bucket": "b", "key": "k", "version_id": []}',
        '{"kind": "s3", "bucket": "b", "key": "k", "version_id": "v1", "etag": 1}',
        '{"kind": "s3", "bucket": "b", "key": "k", "version_id": null, "etag": "a\\nb: c"}',
        '{"kind": "s3", "bucket": {}, "key": "k", "version_id": "v1"}',
        '{"kind": "s3", "bucket": "b", "key": "\\ud800", "version_id": "v1"}',
        "[" * 100_000,
    ],
)
def test_what_this_release_cannot_follow_is_no_pointer(source: str) -> None:
    """Another kind of store, no version, no place, or what no request can hold."""
    assert read_pointer(source) is None
