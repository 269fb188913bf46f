"""What the gateway says of itself, on the shared page and on the volume."""

from pathlib import Path

import structlog

from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.parent.answer import Speaker
from routeiq_gateway.volume.volume import Revision, Volume

LOG = structlog.wrap_logger(structlog.ReturnLogger())


def speaking(root: Path) -> Speaker:
    """Return a speaker on a volume."""
    return Speaker(SharedPage(), Volume(root), LOG)


def test_verdicts_survive_a_restart(tmp_path: Path) -> None:
    """What was served and refused is read back by the next gateway on the volume."""
    speaker = speaking(tmp_path)
    speaker.ack(Revision(3, "a" * 64, tmp_path))
    speaker.nack(4, "b" * 64, "because")
    speaker.publish(())
    serving, refused = Volume(tmp_path).read_verdicts(LOG)
    assert serving == speaker.serving
    assert refused == speaker.refused


def test_a_long_reason_fits_everywhere(tmp_path: Path) -> None:
    """However long a reason is, and however its characters are written, page, answer and note hold it cut."""
    speaker = speaking(tmp_path)
    speaker.nack(4, "b" * 64, "é" * 40_000)
    speaker.note = "\x00" * 80_000
    speaker.publish(())
    assert speaker.page.read()["refused"]["reason"].endswith("é…")
    assert speaker.page.read()["note"].endswith("\x00…")
    assert Volume(tmp_path).read_verdicts(LOG)[1] == speaker.refused


def test_a_start_does_not_claim_to_serve(tmp_path: Path) -> None:
    """While it starts, a gateway keeps the last known good on the volume and shows its workers that nothing serves."""
    first = speaking(tmp_path)
    first.ack(Revision(3, "a" * 64, tmp_path))
    first.publish(())
    second = speaking(tmp_path)
    second.serving, second.refused = Volume(tmp_path).read_verdicts(LOG)
    second.publish(())
    assert second.page.read()["serving"] is None
    assert Volume(tmp_path).read_verdicts(LOG)[0] == first.serving


def test_an_ack_ends_older_refusals_only(tmp_path: Path) -> None:
    """Falling back to an older revision does not forget that the newer one was refused."""
    speaker = speaking(tmp_path)
    speaker.nack(4, "b" * 64, "because")
    speaker.ack(Revision(3, "a" * 64, tmp_path))
    assert speaker.refused is not None
    speaker.ack(Revision(5, "c" * 64, tmp_path))
    assert speaker.refused is None
