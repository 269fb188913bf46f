"""The parent's loop over real channels, a real volume and real processes; only forking is left out."""

import errno
import os
import selectors
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog
from structlog.testing import CapturingLogger

from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.passed import Passed
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.parent import events
from routeiq_gateway.parent.adoption import orphans_serve
from routeiq_gateway.parent.answer import AnswerWriter
from routeiq_gateway.parent.fleet import Fleet, Forker
from routeiq_gateway.parent.loop import Parent
from routeiq_gateway.parent.revisions import Revisions
from routeiq_gateway.parent.state import Pause
from routeiq_gateway.runtime.signals import Signals
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Volume
from tests.support.few_files import no_descriptors
from tests.support.published import published


@dataclass
class Sleepers(Forker):
    """Starts `sleep` in the place of a worker; the test keeps the worker's end of the channel and speaks for it."""

    failing: OSError | None = None
    spoken: dict[int, Channel] = field(default_factory=dict)

    def fork(self, theirs: Channel, *_: object, **_rest: object) -> int:
        """Start a process."""
        if self.failing is not None:
            raise self.failing
        pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
        self.spoken[pid] = Channel(theirs.end.dup())
        return pid


@dataclass
class Bench:
    """A parent whose loop the test turns by hand."""

    parent: Parent
    forker: Sleepers
    log: CapturingLogger

    @property
    def pids(self) -> list[int]:
        """The processes there are."""
        return [child.pid for child in self.parent.fleet.children.values()]

    def turn(self) -> None:
        """One turn of the loop, without the wait."""
        self.parent._look()  # noqa: SLF001 - `run` ends only with the gateway
        self.parent._bury()  # noqa: SLF001 - as above
        for number in list(self.parent.fleet.children):
            self.parent._hear(number)  # noqa: SLF001 - as above

    def serve(self) -> list[int]:
        """Bring two workers up."""
        self.turn()
        for pid in self.pids:
            self.forker.spoken[pid].send("ready")
        self.turn()
        assert self.parent.state.phase == "serving"
        return self.pids

    def said_to(self, pid: int) -> list[str]:
        """What the parent has said to a worker since the last call."""
        return [message["kind"] for message in self.forker.spoken[pid].receive()]

    def logged(self, event: str) -> list[dict[str, object]]:
        """The fields of each line of the log with this event."""
        return [dict(call.kwargs) for call in self.log.calls if call.kwargs["event"] == event]

    def end(self, pid: int) -> None:
        """Kill a worker, and wait until it has ended (it is the parent's to reap)."""
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A parent of two workers, on a volume where `current` is revision 1."""
    root = tmp_path / "volume"
    published(root, 1, b"model_list: []\n")
    captured = CapturingLogger()
    log = structlog.wrap_logger(captured, processors=[])
    settings = Settings.model_construct(
        volume=root, port=4000, workers=2, reload_timeout=60.0, drain=5.0, prestop=0.0, most_draining=32, max_rss=None
    )
    volume, page = Volume(root), SharedPage()
    with socket.socket() as listener, selectors.DefaultSelector() as selector:
        listener.bind(("127.0.0.1", 0))
        places = Places(tmp_path / "metrics", private=True)
        forker = Sleepers(settings, {}, listener, Passed(), page, log, None, places)
        fleet = Fleet(forker, selector, lambda: None)
        revisions = Revisions(volume, Staging((), tmp_path / "staged"), None, log)
        parent = Parent(settings, listener, fleet, revisions, AnswerWriter(page, volume, log), Signals(), log, places)
        yield Bench(parent, forker, captured)
        for number, child in list(fleet.children.items()):
            os.kill(child.pid, signal.SIGKILL)
            fleet.bury(number)


def test_workers_come_up_and_are_told_to_accept(bench: Bench) -> None:
    """A revision is read, staged and brought up; once all are ready they accept, and the answer shows their pids."""
    pids = bench.serve()
    assert [bench.said_to(pid) for pid in pids] == [["accept"], ["accept"]]
    answer = bench.parent.answer.page.read()
    assert answer["serving"]["number"] == 1
    assert answer["workers"] == [{"pid": pid, "number": 1, "state": "ready"} for pid in pids]


def test_a_reload_that_is_asked_for_is_answered(bench: Bench) -> None:
    """The worker that asked hears `drain` and the outcome; a refusal is told with its reason."""
    first, second = bench.serve()
    for reply, fate in [("nack", {"kind": "refused", "reason": "bad model"}), ("ack", {"kind": "ready"})]:
        bench.said_to(first)
        bench.forker.spoken[first].send("reload", id=5)
        bench.turn()
        bench.turn()
        new = [pid for pid in bench.pids if pid not in {first, second}][-2:]
        for pid in new:
            bench.forker.spoken[pid].send(**fate)
        bench.turn()
        told = bench.forker.spoken[first].receive()[-1]
        assert (told["kind"], told["id"], told["result"]) == ("reloaded", 5, reply)


def test_a_dead_worker_is_buried_and_replaced(bench: Bench) -> None:
    """Its process is reaped, its channel closed, its pid is in the log, and another comes up."""
    first, second = bench.serve()
    bench.end(first)
    bench.turn()
    assert first not in bench.pids
    with pytest.raises(ChildProcessError):
        os.waitpid(first, os.WNOHANG)
    died = bench.logged("a worker died")
    assert died == [{"event": "a worker died", "worker": first, "ended": "signal SIGKILL"}]
    bench.turn()
    assert second in bench.pids
    assert len(bench.pids) == 2


def test_a_worker_that_was_ready_and_died_is_not_told_to_accept(bench: Bench) -> None:
    """Its last words are read, but a dead worker is not ready: the start is put off, since no configuration kills."""
    bench.turn()
    first, second = bench.pids
    bench.forker.spoken[second].send("ready")
    bench.forker.spoken[first].send("ready")
    bench.end(first)
    bench.turn()
    assert bench.parent.answer.refused is None
    assert "a worker ended at its start with signal SIGKILL" in bench.parent.state.note


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
    watched = len(bench.parent.fleet.selector.get_map())
    monkeypatch.setattr(Channel, "pair", full)
    bench.parent.feed(events.ReloadAsked(None, None))
    bench.turn()
    assert bench.pids == pids
    assert "Too many open files" in bench.parent.state.note
    assert len(bench.parent.fleet.selector.get_map()) == watched


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
        bench.parent.fleet.larger_than(1, [1, 2])
        bench.parent.places.clear()
        assert orphans_serve(bench.parent.settings.volume, bench.parent.settings.port)
    assert bench.pids == pids
    assert bench.parent.answer.refused is None
    assert "Too many open files" in bench.parent.state.note
    bench.parent.feed(events.ReloadAsked(None, None))
    bench.turn()
    assert len(bench.pids) == 4


def test_a_stop_ends_with_the_last_worker(bench: Bench) -> None:
    """Workers drain, the listening socket is closed, and the answer says that the gateway has stopped."""
    pids = bench.serve()
    bench.parent.feed(events.Stop())
    bench.turn()
    assert [bench.said_to(pid) for pid in pids] == [["accept", "drain"]] * 2
    assert bench.parent.listener.fileno() == -1
    for pid in pids:
        bench.end(pid)
    bench.turn()
    assert bench.parent.state.phase == "stopped"
    assert bench.parent.answer.page.read()["state"] == "stopped"
