"""A parent of the gateway whose loop a test turns by hand, with `sleep` in the place of its workers."""

import os
import selectors
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from structlog.testing import CapturingLogger

from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.ipc.pulse import STACK_SIGNAL
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.parent.answer import AnswerWriter
from routeiq_gateway.parent.loop import Parent
from routeiq_gateway.parent.processes import Forker, Processes
from routeiq_gateway.parent.revisions import Revisions
from routeiq_gateway.runtime.notify import Notifier
from routeiq_gateway.runtime.signals import Signals
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Volume
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
        pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {}, setsigmask=[STACK_SIGNAL])
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
        return [child.pid for child in self.parent.processes.children.values()]

    def turn(self) -> None:
        """One turn of the loop, without the wait."""
        self.parent._look()  # noqa: SLF001 - `run` ends only with the gateway
        self.parent._bury()  # noqa: SLF001 - as above
        for number in list(self.parent.processes.children):
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

    def end(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Kill a worker, and wait until it has ended (it is the parent's to reap)."""
        os.kill(pid, number)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


@contextmanager
def parent_bench(tmp_path: Path) -> Iterator[Bench]:
    """A parent of two workers, on a volume where `current` is revision 1."""
    root = tmp_path / "volume"
    published(root, 1, b"model_list: []\n")
    captured = CapturingLogger()
    log = structlog.wrap_logger(captured, processors=[])
    settings = Settings.model_construct(
        volume=root,
        port=4000,
        workers=2,
        reload_timeout=60.0,
        drain=5.0,
        prestop=0.0,
        most_draining=32,
        max_rss=None,
        worker_hang=5.0,
    )
    volume, page = Volume(root), SharedPage()
    with socket.socket() as listener, selectors.DefaultSelector() as selector:
        listener.bind(("127.0.0.1", 0))
        places = Places(tmp_path / "metrics", private=True)
        forker = Sleepers(settings, {}, listener, Passed(), page, log, None, places)
        processes = Processes(forker, selector, lambda: None)
        revisions = Revisions(volume, Staging((), tmp_path / "staged"), None, log)
        parent = Parent(
            settings,
            listener,
            processes,
            revisions,
            AnswerWriter(page, volume, log),
            Signals(),
            log,
            places,
            Notifier(None),
        )
        yield Bench(parent, forker, captured)
        for number, child in list(processes.children.items()):
            os.kill(child.pid, signal.SIGKILL)
            processes.bury(number)
