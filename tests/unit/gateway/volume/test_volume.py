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
    assert list(volume.fallbacks(None)) == []


def test_a_revision_that_vanished_is_nothing_to_fall_back_to(tmp_path: Path) -> None:
    """The answer may outlive the tree, or the tree be damaged; then there is nothing to fall back on."""
    made = revision(tmp_path, 7, b"a: b\n")
    served = Served(made.number, made.digest, "2026-01-01T00:00:00.000Z")
    assert list(Volume(tmp_path).fallbacks(served)) == [made]
    (made.directory / "config.yaml").write_bytes(b"a: c\n")
    assert list(Volume(tmp_path).fallbacks(served)) == []
    (made.directory / "manifest.json").unlink()
    assert list(Volume(tmp_path).fallbacks(served)) == []


def test_what_is_known_to_be_good_is_fallen_back_to_first(tmp_path: Path) -> None:
    """The newest of what the fleet acked and this gateway acked, then the other; then the rest, newest first."""
    made = {number: revision(tmp_path, number, f"a: {number}\n".encode()) for number in (3, 27, 30, 34, 35)}
    (tmp_path / "revisions" / "notes").mkdir()
    served = Served(27, made[27].digest, "2026-01-01T00:00:00.000Z")

    def order(served: Served | None) -> list[int]:
        return [found.number for found in Volume(tmp_path).fallbacks(served)]

    assert order(served) == [27, 35, 34, 30, 3]
    assert order(None) == [35, 34, 30, 27, 3]
    (tmp_path / "acked").symlink_to(f"revisions/{made[34].directory.name}")
    assert order(served) == [34, 27, 35, 30, 3]
    (tmp_path / "acked").unlink()
    (tmp_path / "acked").symlink_to("../elsewhere")
    assert order(served) == [27, 35, 34, 30, 3]


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
