"""The gateway's answer is read without harm."""

import json

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
