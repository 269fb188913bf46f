"""syncd's side of the documents on the volume, against files that both sides are tested with."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from routeiq_syncd.configuration.bundle import make_bundle
from routeiq_syncd.history.entries import read_entry, write_entry
from routeiq_syncd.history.standing import read_pin, write_record
from routeiq_syncd.revision.answer import read_answer
from routeiq_syncd.revision.manifest import Publisher, SourceVersion, make_manifest, read_manifest, write_manifest
from routeiq_syncd.status.document import document, last_known
from routeiq_syncd.status.explain import explain
from routeiq_syncd.status.snapshot import FetchState, Snapshot
from tests.support.golden import FILES, GOLDEN

NOW = datetime(2026, 11, 22, 22, 10, tzinfo=UTC)


def test_syncd_writes_the_manifest_as_agreed() -> None:
    """The same files, source, publisher and instant give the golden manifest, byte for byte."""
    source = SourceVersion("s3", "s3://bucket/config.yaml", etag='"abc"')
    created = NOW - timedelta(minutes=10)
    manifest = make_manifest(42, make_bundle(FILES).entries, source, Publisher("host-1a2b3c4d"), created)
    assert write_manifest(manifest) == (GOLDEN / "manifest.json").read_bytes()
    assert manifest.name == f"000042-{manifest.digest[:12]}"


@pytest.mark.parametrize("name", ["manifest.json", "manifest-newer.json"])
def test_syncd_reads_the_manifest_of_any_release(name: str) -> None:
    """Unknown fields are ignored."""
    manifest = read_manifest((GOLDEN / name).read_bytes())
    assert manifest is not None
    assert write_manifest(manifest) == (GOLDEN / "manifest.json").read_bytes()


def test_syncd_reads_an_older_manifest() -> None:
    """One of before leader election and conditional fetches: what it does not say is unknown, and the epoch 0."""
    manifest = read_manifest((GOLDEN / "manifest-older.json").read_bytes())
    assert manifest is not None
    assert (manifest.number, manifest.source.etag, manifest.publisher.epoch) == (42, None, 0)


@pytest.mark.parametrize("name", ["answer.json", "answer-newer.json"])
def test_syncd_reads_the_answer_of_any_release(name: str) -> None:
    """What is served and refused, and every number that the gateway needs, unknown fields or not."""
    answer = read_answer((GOLDEN / name).read_bytes())
    assert answer is not None
    assert answer.serving is not None
    assert answer.refused is not None
    assert (answer.serving.number, answer.refused.number) == (42, 43)
    assert answer.numbers == {41, 42, 43}


def test_syncd_reads_an_answer_without_workers() -> None:
    """An older gateway that names no workers still says what it serves."""
    answer = read_answer((GOLDEN / "answer-older.json").read_bytes())
    assert answer is not None
    assert answer.refused is None
    assert answer.numbers == {42}


def test_syncd_writes_the_status_as_agreed() -> None:
    """The golden manifest and answer, ten minutes on, give the golden status."""
    manifest = read_manifest((GOLDEN / "manifest.json").read_bytes())
    answer = read_answer((GOLDEN / "answer.json").read_bytes())
    assert answer is not None
    fetched_at = "2026-11-22T22:09:58.800Z"
    snapshot = Snapshot(
        holder_id="host-1a2b3c4d",
        source_kind="s3",
        source_location="s3://bucket/config.yaml",
        desired=manifest,
        answer=answer,
        fetch=FetchState(fetched_at, fetched_at, "unchanged"),
        warnings=("config.yaml:5: the environment variable KEY is not set in syncd's environment",),
    )
    golden = json.loads((GOLDEN / "status.json").read_bytes())
    assert document(snapshot, NOW) == golden
    assert list(document(snapshot, NOW)) == list(golden)
    assert document(replace(snapshot, running=False), NOW)["running"] is False


@pytest.mark.parametrize("name", ["status.json", "status-newer.json"])
def test_the_last_known_status_ages_and_keeps_what_it_does_not_know(name: str) -> None:
    """Read an hour later: not running, an hour older, and nothing lost."""
    golden = json.loads((GOLDEN / name).read_bytes())
    aged = last_known(golden, NOW + timedelta(hours=1))
    assert aged["running"] is False
    assert aged["desired"] == {**golden["desired"], "age_seconds": 4200.0}
    assert aged["fetch"] == {**golden["fetch"], "seconds_since_success": 3601.2}
    assert set(aged) == set(golden)


@pytest.mark.parametrize("name", ["history-entry.json", "history-entry-newer.json"])
def test_syncd_reads_the_history_of_any_release(name: str) -> None:
    """Unknown fields of an entry are ignored; what is written is the golden entry, byte for byte."""
    entry = read_entry((GOLDEN / name).read_bytes())
    assert entry is not None
    assert (entry.file, entry.restores) == ("000043.json", 41)
    assert write_entry(entry) == (GOLDEN / "history-entry.json").read_bytes()


@pytest.mark.parametrize("name", ["pin.json", "pin-newer.json"])
def test_syncd_reads_a_pin_of_any_release(name: str) -> None:
    """On the volume and in the row of the lease: unknown fields are ignored, and a pin holds whatever else it says."""
    pin = read_pin((GOLDEN / name).read_bytes())
    assert pin is not None
    assert f"{write_record(pin)}\n" == (GOLDEN / "pin.json").read_text()


def test_a_status_without_pins_is_explained() -> None:
    """A status of a release that knew neither pins nor rollbacks says nothing of them."""
    golden = json.loads((GOLDEN / "status.json").read_bytes())
    older = {name: value for name, value in golden.items() if name not in {"pin", "passed_over", "waiting"}}
    assert explain(older) == explain(golden)
