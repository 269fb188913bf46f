"""The gateway's answer is read without harm."""

import json

import pytest

from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.revision.answer import read_answer


def test_the_gateways_texts_are_legible() -> None:
    """The reason, the digests and the instants: each reaches the database, the status or the log."""
    said = {"number": 2, "digest": "d\0", "reason": "a\0b\ud800", "at": "x\n", "since": "s\0"}
    answer = read_answer(json.dumps({"serving": said, "refused": said}).encode())
    assert answer is not None
    assert answer.serving is not None
    assert answer.refused is not None
    assert answer.refused.reason == r"a\x00b\ud800"
    for text in (answer.serving.digest, answer.serving.since, answer.refused.digest, answer.refused.at):
        assert text == legible(text or "\0")


@pytest.mark.parametrize(
    ("state", "number"),
    [("starting", None), ("stopped", None), ("serving", 19), ("draining", 19), ("of another release", None)],
)
def test_a_gateway_that_starts_or_has_stopped_serves_nothing(state: str, number: int | None) -> None:
    """What it served last stays on the volume for its next start, and is not told as served now."""
    served = {"number": 19, "digest": "d", "since": "s"}
    answer = read_answer(json.dumps({"state": state, "serving": served, "refused": None}).encode())
    assert answer is not None
    assert (answer.serving.number if answer.serving else None) == number
    assert answer.numbers == {19}
