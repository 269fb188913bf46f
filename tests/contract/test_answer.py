"""The gateway's answer is total: every state that a gateway can be in is written, read by syncd, and told."""

import itertools
import json
from pathlib import Path
from typing import get_args

import pytest

from routeiq_gateway.volume.documents import (
    Answer,
    Phase,
    Refused,
    Served,
    WorkerEntry,
    encode_answer,
    parse_answer,
)
from routeiq_syncd.replication.replica_row import row_of
from routeiq_syncd.revision.answer import read_answer
from routeiq_syncd.status.document import document
from routeiq_syncd.status.explain import explain
from tests.support.golden import GOLDEN
from tests.support.snapshots import NOW, cluster_snapshot, manifest

STATES = get_args(Phase)
SINCE = "2026-11-22T22:00:01.000Z"
DESIRED = manifest(42)
WORKERS = (
    (),
    (WorkerEntry(1, None, "starting"),),
    (WorkerEntry(1, None, "ready"),),
    (WorkerEntry(1, None, "draining"), WorkerEntry(2, 42, "ready")),
    (WorkerEntry(1, 41, "draining"), WorkerEntry(2, 42, "starting")),
)


@pytest.mark.parametrize("state", STATES)
def test_every_answer_of_a_gateway_is_read_and_told(state: Phase) -> None:
    """Whatever is acked, refused, and on its way: nothing is lost between the two, and no state is shown as another."""
    acked = (None, Served(41, "a" * 64, SINCE), Served(42, DESIRED.digest, SINCE))
    refused = (
        None,
        Refused(42, DESIRED.digest, "a bad model", SINCE),
        Refused(42, DESIRED.digest[:12], "a damaged manifest", SINCE),
        Refused(0, "", "a directory that is no revision", SINCE),
    )
    for serving, nack, workers in itertools.product(acked, refused, WORKERS):
        written = encode_answer(Answer("i", 1, state, serving, nack, workers, SINCE, "the note"))
        assert parse_answer(written) == (serving, nack)
        answer = read_answer(written)
        assert answer is not None
        snapshot = cluster_snapshot(answer=answer, desired=DESIRED)
        status = document(snapshot, NOW)
        live = state in {"serving", "draining"} and serving is not None
        assert status["gateway"] == {"state": state, "note": "the note"}
        assert status["serving"] == (vars(serving) if live and serving else None)
        assert answer.numbers >= {worker.number for worker in workers if worker.number is not None}
        row = row_of(snapshot, "pod")
        assert row.serving == (serving.number if live and serving else None)
        assert (row.state == "refused") is (nack is not None and nack.number == 42)
        if nack is not None:
            assert row.reason == nack.reason
            assert nack.reason in " ".join(map(str, explain(status)["revision"]))  # type: ignore[call-overload]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("answer*.json")), ids=lambda path: path.stem)
def test_every_golden_answer_is_read_by_both(path: Path) -> None:
    """The gateway's next start and syncd take the same acked and refused revisions from it."""
    text = path.read_bytes()
    answer = read_answer(text)
    assert answer is not None
    served, refused = parse_answer(text)
    assert (answer.acked and answer.acked.number) == (served and served.number)
    assert (answer.refused and answer.refused.reason) == (refused and refused.reason)
    assert answer.state == json.loads(text).get("state", "")


def test_there_is_a_golden_answer_for_every_state() -> None:
    """The placeholder's, which has no revision, among them."""
    documents = [json.loads(path.read_bytes()) for path in GOLDEN.glob("answer*.json")]
    assert {document.get("state") for document in documents} >= set(STATES)
    assert any(worker["number"] is None for document in documents for worker in document.get("workers", ()))


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("starting", "the gateway has started and serves nothing yet: the note"),
        ("stopped", "the gateway has stopped"),
        ("draining", "the gateway is draining and serves nothing: the note"),
        ("serving", "the gateway is serving and serves nothing: the note"),
    ],
)
def test_why_nothing_is_served_is_explained(state: Phase, sentence: str) -> None:
    """Each state in which nothing is served has a sentence of its own."""
    answer = read_answer(encode_answer(Answer("i", 1, state, None, None, (), SINCE, "the note")))
    assert answer is not None
    told = explain(document(cluster_snapshot(answer=answer, desired=DESIRED), NOW))
    assert f"The volume holds revision 42; {sentence}." in told["revision"]  # type: ignore[operator]
