"""The gateway's side of the documents on the volume, against files that both sides are tested with."""

import json

import pytest

from routeiq_gateway.volume.documents import (
    Answer,
    BadDocumentError,
    Refused,
    Served,
    WorkerEntry,
    directory_name,
    encode_answer,
    parse_answer,
    parse_manifest,
)
from tests.support.golden import GOLDEN


@pytest.mark.parametrize("name", ["manifest.json", "manifest-newer.json", "manifest-older.json"])
def test_the_gateway_reads_the_manifest_of_any_release(name: str) -> None:
    """Number, digest and files, unknown fields or not; the digest is the one that the file list gives."""
    manifest = parse_manifest((GOLDEN / name).read_bytes())
    assert manifest.number == 42
    assert [entry.path for entry in manifest.files] == ["config.yaml", "parts/models.yaml"]
    assert directory_name(42, manifest.digest) == f"000042-{manifest.digest[:12]}"


@pytest.mark.parametrize(
    "name", ["answer", "answer-starting", "answer-placeholder", "answer-draining", "answer-stopped"]
)
def test_the_gateway_writes_the_answer_as_agreed(name: str) -> None:
    """The same verdicts and workers give the golden answer, field for field."""
    golden = json.loads((GOLDEN / f"{name}.json").read_bytes())
    answer = Answer(
        instance=golden["instance"],
        pid=golden["pid"],
        state=golden["state"],
        serving=golden["serving"] and Served(**golden["serving"]),
        refused=golden["refused"] and Refused(**golden["refused"]),
        workers=tuple(WorkerEntry(**worker) for worker in golden["workers"]),
        updated_at=golden["updated_at"],
        note=golden["note"],
    )
    assert json.loads(encode_answer(answer)) == golden


@pytest.mark.parametrize("name", ["answer.json", "answer-newer.json", "answer-older.json", "answer-stopped.json"])
def test_the_gateway_reads_its_own_answers_of_any_release(name: str) -> None:
    """The last known good survives an upgrade and a rollback of the gateway."""
    serving, _ = parse_answer((GOLDEN / name).read_bytes())
    assert serving is not None
    assert serving.number == 42


def test_a_format_of_the_future_is_refused() -> None:
    """A manifest of a format that this release does not know is refused with what to do."""
    document = json.loads((GOLDEN / "manifest.json").read_bytes()) | {"format": 2}
    with pytest.raises(BadDocumentError, match="upgrade the gateway"):
        parse_manifest(json.dumps(document).encode())


def test_a_manifest_whose_digest_is_not_its_own_is_refused() -> None:
    """A manifest cannot claim another digest than its file list gives."""
    document = json.loads((GOLDEN / "manifest.json").read_bytes())
    document["files"][0]["size"] += 1
    with pytest.raises(BadDocumentError, match="damaged"):
        parse_manifest(json.dumps(document).encode())


def test_the_gateway_reads_the_manifest_of_a_prefix() -> None:
    """Where its files come from is syncd's affair; what they are, and the configuration's name, is there."""
    manifest = parse_manifest((GOLDEN / "manifest-prefix.json").read_bytes())
    assert [entry.path for entry in manifest.files] == ["config.yaml", "models/weights.bin"]
    assert manifest.written_name == "config.yaml"
