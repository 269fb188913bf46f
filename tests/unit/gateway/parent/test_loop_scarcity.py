"""The parent's loop where the system has no room, no process or no descriptor to give."""

import errno
import os
from dataclasses import replace

import pytest

from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.parent import events
from routeiq_gateway.parent.adoption import orphans_serve
from routeiq_gateway.parent.state import Pause
from tests.support.few_files import no_descriptors
from tests.support.parent_bench import Bench
from tests.support.published import published


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOMEM])
def test_a_failing_fork_in_a_reload_ends_nothing(bench: Bench, code: int) -> None:
    """Serving goes on, nothing is refused, the note names the reason, and the reload is tried again."""
    pids = bench.serve()
    bench.forker.failing = OSError(code, os.strerror(code))
    published(bench.parent.settings.volume, 2, b"model_list: [1]\n")
    bench.turn()
    assert bench.pids == pids
    assert bench.parent.answer.refused is None
    assert os.strerror(code) in bench.parent.answer.page.read()["note"]
    bench.forker.failing = None
    bench.parent.feed(events.ReloadAsked(None, None))
    bench.turn()
    assert len(bench.pids) == 4


def test_a_failing_fork_of_a_replacement_ends_nothing(bench: Bench) -> None:
    """The other worker serves, and the next try waits."""
    first, second = bench.serve()
    bench.forker.failing = OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    bench.end(first)
    for _ in range(20):
        bench.turn()
    assert bench.pids == [second]
    assert len(bench.logged("a worker's replacement failed")) == 1


def test_no_descriptor_for_a_channel_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket pair that cannot be made (EMFILE) is as a failing fork, and leaves nothing registered."""

    def full() -> tuple[Channel, Channel]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    pids = bench.serve()
    watched = len(bench.parent.processes.selector.get_map())
    monkeypatch.setattr(Channel, "pair", full)
    bench.parent.feed(events.ReloadAsked(None, None))
    bench.turn()
    assert bench.pids == pids
    assert "Too many open files" in bench.parent.state.note
    assert len(bench.parent.processes.selector.get_map()) == watched


def test_a_staging_directory_that_cannot_be_written_ends_nothing(bench: Bench) -> None:
    """The revision served goes on, nothing is refused, the note has the reason, and with room the next is served."""
    pids = bench.serve()
    staging = bench.parent.revisions.staging
    whole, staging.root = (
        staging.root,
        bench.parent.settings.volume / "current/config.yaml",
    )  # nothing goes below a file
    published(bench.parent.settings.volume, 2, b"model_list: [1]\n")
    bench.turn()
    assert bench.pids == pids
    assert bench.parent.answer.refused is None
    assert "staged in the temporary directory: File exists" in bench.parent.state.note
    staging.root = whole
    bench.parent.feed(events.ReloadAsked(None, None))
    bench.turn()
    assert len(bench.pids) == 4


def test_a_trial_without_room_writes_no_verdict(bench: Bench) -> None:
    """The candidate is tried again, and with room it gets its worker."""
    bench.serve()
    staging, volume = bench.parent.revisions.staging, bench.parent.settings.volume
    whole, staging.root = staging.root, volume / "current/config.yaml"  # nothing goes below a file
    published(volume, 2, b"model_list: [1]\n", link="candidate")
    bench.turn()
    assert list((volume / "answers").glob("trial-*")) == []
    assert bench.logged("trial put off")
    staging.root = whole
    bench.parent.state = replace(bench.parent.state, pause=Pause())
    bench.turn()
    assert len(bench.pids) == 3


def test_a_verdict_is_written_once_there_is_room(bench: Bench) -> None:
    """What the volume does not take is kept, and written later; the log says so once."""
    bench.serve()
    volume = bench.parent.settings.volume
    damaged = published(volume, 2, b"model_list: [1]\n", link="candidate")
    (damaged.directory / "config.yaml").write_bytes(b"model_list: [2]\n")
    (volume / "answers").rename(volume / "away")
    (volume / "answers").touch()  # nothing goes below a file
    for _ in range(3):
        bench.turn()
        bench.parent.revisions.write()
    assert len(bench.logged("cannot write the verdict to the volume; trying again")) == 1
    (volume / "answers").unlink()
    bench.parent.revisions.write()
    [verdict] = (volume / "answers").glob("trial-*")
    assert '"refuse"' in verdict.read_text()


def test_without_descriptors_the_loop_goes_on(bench: Bench) -> None:
    """Every step of a turn meets the limit: the reload is put off, nothing is refused, and it is served afterwards."""
    pids = bench.serve()
    published(bench.parent.settings.volume, 2, b"model_list: [1]\n")
    with no_descriptors():
        bench.turn()
        bench.parent.processes.larger_than(1, [1, 2])
        bench.parent.places.clear()
        assert orphans_serve(bench.parent.settings.volume, bench.parent.settings.port)
    assert bench.pids == pids
    assert bench.parent.answer.refused is None
    assert "Too many open files" in bench.parent.state.note
    bench.parent.feed(events.ReloadAsked(None, None))
    bench.turn()
    assert len(bench.pids) == 4
