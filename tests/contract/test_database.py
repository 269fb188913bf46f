"""What replicas of different releases write into one database, and read there."""

import base64
import json

import pytest

from routeiq_migrate.scripts import own_migrations
from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.database.seal import Ring, context_of
from routeiq_syncd.database.session import NEEDED
from routeiq_syncd.revision.manifest import SourceVersion, read_manifest, write_manifest
from routeiq_syncd.revision.payload import pack, unpack
from routeiq_syncd.revision.pointer import Pointer, read_pointer, write_source
from tests.support.golden import FILES, GOLDEN

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


def test_a_part_of_a_prefix_is_read_with_the_places_of_the_rest() -> None:
    """The row holds the files without an origin; the manifest is read and written byte for byte, origins included."""
    written = (GOLDEN / "manifest-prefix.json").read_bytes()
    manifest = read_manifest(written)
    assert manifest is not None
    assert write_manifest(manifest) == written
    assert manifest.origins == {"models/weights.bin": Pointer("bucket", "gateway/models/weights.bin", "v1", '"abc"')}
    payload = base64.b64decode((GOLDEN / "payload-part.b64").read_text())
    bundle = unpack(payload, manifest)
    assert isinstance(bundle, Bundle)
    assert bundle.files == {"config.yaml": FILES["config.yaml"]}
    assert bundle.digest == manifest.digest
    assert pack(bundle, manifest.origins) == payload


@pytest.mark.parametrize(
    "change",
    [(b'"version_id": "v1"', b'"version_id": []'), (b'"key"', b'"kez"'), (b'"origins"', b'"origens"')],
)
def test_a_part_whose_rest_cannot_be_found_is_never_taken_for_the_whole(change: tuple[bytes, bytes]) -> None:
    """Where the manifest names no origin that can be followed, it is not read, or the row is not the revision."""
    manifest = read_manifest((GOLDEN / "manifest-prefix.json").read_bytes().replace(*change))
    payload = base64.b64decode((GOLDEN / "payload-part.b64").read_text())
    assert manifest is None or not isinstance(unpack(payload, manifest), Bundle)


def test_a_pointer_is_written_as_agreed() -> None:
    """The column `source` is the manifest's source, and the object's place."""
    version = SourceVersion("s3", "s3://bucket/config.yaml", version_id="v1", etag='"abc"')
    assert json.loads(write_source(vars(version), POINTER)) == json.loads((GOLDEN / "source-pointer.json").read_bytes())


def test_a_pointer_to_google_cloud_storage_is_written_and_read() -> None:
    """A generation names the version, and the kind of the store goes with it."""
    version = SourceVersion("gcs", "gs://bucket/config.yaml", generation="17", etag="CBE=")
    pointer = Pointer("bucket", "config.yaml", None, "CBE=", "17")
    written = write_source(vars(version), pointer)
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
