from pathlib import Path

import structlog

from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.parent.answer import AnswerWriter
from routeiq_gateway.volume.volume import Revision, Volume

LOG = structlog.wrap_logger(structlog.ReturnLogger())


def writer(root: Path) -> AnswerWriter:
    """Return a writer of answers on a volume."""
    return AnswerWriter(SharedPage(), Volume(root), LOG)


def test_verdicts_survive_a_restart(tmp_path: Path) -> None:
    """What was served and refused is read back by the next gateway on the volume."""
    answer = writer(tmp_path)
    answer.ack(Revision(3, "a" * 64, tmp_path))
    answer.nack(4, "b" * 64, "because")
    answer.publish("serving", "", ())
    serving, refused = Volume(tmp_path).read_verdicts(LOG)
    assert serving == answer.serving
    assert refused == answer.refused


def test_a_long_reason_fits_everywhere(tmp_path: Path) -> None:
    """However long a reason is, and however its characters are written, page, answer and note hold it cut."""
    answer = writer(tmp_path)
    answer.nack(4, "b" * 64, "é" * 40_000)
    answer.publish("starting", "\x00" * 80_000, ())
    assert answer.page.read()["refused"]["reason"].endswith("é…")
    assert answer.page.read()["note"].endswith("\x00…")
    assert Volume(tmp_path).read_verdicts(LOG)[1] == answer.refused


def test_a_start_does_not_claim_to_serve(tmp_path: Path) -> None:
    """While it starts, a gateway keeps the last known good on the volume and shows its workers that nothing serves."""
    first = writer(tmp_path)
    first.ack(Revision(3, "a" * 64, tmp_path))
    first.publish("serving", "", ())
    second = writer(tmp_path)
    second.serving, second.refused = Volume(tmp_path).read_verdicts(LOG)
    second.publish("starting", "", ())
    assert second.page.read()["serving"] is None
    assert Volume(tmp_path).read_verdicts(LOG)[0] == first.serving


def test_an_ack_ends_older_refusals_only(tmp_path: Path) -> None:
    """Falling back to an older revision does not forget that the newer one was refused."""
    answer = writer(tmp_path)
    answer.nack(4, "b" * 64, "because")
    answer.ack(Revision(3, "a" * 64, tmp_path))
    assert answer.refused is not None
    answer.ack(Revision(5, "c" * 64, tmp_path))
    assert answer.refused is None
