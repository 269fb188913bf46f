"""What is read from the volume."""

from pathlib import Path

import pytest
import structlog

from routeiq_gateway.configuration.loading import BadRevisionError
from routeiq_gateway.volume.documents import Served
from routeiq_gateway.volume.volume import Volume
from tests.support.few_files import no_descriptors
from tests.support.revisions import revision

LOG = structlog.wrap_logger(structlog.ReturnLogger())


def test_a_volume_without_anything_has_nothing(tmp_path: Path) -> None:
    """An empty volume is a start, not an error."""
    volume = Volume(tmp_path)
    assert volume.link("current") is None
    assert volume.read_verdicts(LOG) == (None, None)
    assert volume.last_known_good(None) is None


def test_a_revision_that_vanished_is_no_last_known_good(tmp_path: Path) -> None:
    """The answer may outlive the tree, or the tree be damaged; then there is nothing to fall back on."""
    made = revision(tmp_path, 7, b"a: b\n")
    served = Served(made.number, made.digest, "2026-01-01T00:00:00.000Z")
    assert Volume(tmp_path).last_known_good(served) == made
    (made.directory / "config.yaml").write_bytes(b"a: c\n")
    assert Volume(tmp_path).last_known_good(served) is None
    (made.directory / "manifest.json").unlink()
    assert Volume(tmp_path).last_known_good(served) is None


def test_a_revision_that_cannot_be_read_now_is_not_damaged(tmp_path: Path) -> None:
    """Without descriptors nothing is said against it; a file that is missing is."""
    made = revision(tmp_path, 7, b"a: b\n")
    volume, target = Volume(tmp_path), f"revisions/{made.directory.name}"
    identified = volume.identify(target)
    with no_descriptors():
        with pytest.raises(OSError, match="Too many open files"):
            volume.identify(target)
        with pytest.raises(OSError, match="Too many open files"):
            volume.verify(identified)
    (made.directory / "config.yaml").unlink()
    with pytest.raises(BadRevisionError):
        volume.verify(volume.identify(target))


@pytest.mark.parametrize(
    "text",
    [
        None,
        b"[" * 100_000,
        b'{"format": 1, "serving": {"number": 1e400, "digest": "", "since": ""}}',
        b'{"format": 1, "serving": "x"}',
        b'{"format": 1, "serving": {"number": 1, "digest": "\\u0000", "since": ""}}',
        b'{"format": 1e400}',
        b"\xff",
    ],
)
def test_an_answer_that_cannot_be_read_is_none_and_is_said_once(tmp_path: Path, text: bytes | None) -> None:
    """With anything else in place of the earlier answer, even a directory, the gateway starts as without an answer."""
    path = tmp_path / "answers/gateway.json"
    path.parent.mkdir()
    if text is None:
        path.mkdir()
    else:
        path.write_bytes(text)
    log = structlog.testing.CapturingLogger()
    assert Volume(tmp_path).read_verdicts(structlog.wrap_logger(log, processors=[])) == (None, None)
    assert [call.method_name for call in log.calls] == ["warning"]
