"""The parent's processes: forked, heard, spoken to, killed and buried.

The parent has imported LiteLLM, runs no thread and no event loop, and has frozen its heap, so a child starts with all
of LiteLLM in memory that it shares. A child never returns into the parent's code: it ends with ``os._exit``.
"""

import atexit
import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_gateway.ipc.channel import Channel, Message
from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.ipc.pulse import Pulse
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge.database.periodic_jobs import LastRuns
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.parent.events import Hung
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.runtime.scarcity import lacking
from routeiq_gateway.secret_files.watching import SecretFiles
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.volume import Revision
from routeiq_gateway.worker.connections.certificate import Certificate
from routeiq_gateway.worker.worker import Assignment, Worker

EXIT_CRASHED = 70
MEBIBYTE = 1 << 20


@dataclass
class Forker:
    """Makes the worker processes of one gateway; if one ``tells``, it tells each problem by itself."""

    settings: Settings
    environment: Mapping[str, str]
    listener: socket.socket
    passed: Passed
    page: SharedPage
    log: Log
    certificate: Certificate | None
    places: Places
    secrets: SecretFiles = field(default_factory=SecretFiles)
    last_runs: LastRuns = field(default_factory=lambda: LastRuns(time.monotonic()))
    tells: bool = False

    def fork(
        self,
        theirs: Channel,
        pulse: Pulse,
        revision: Revision | None,
        config: Path | None,
        *,
        trial: bool,
        at_fork: Callable[[], None],
    ) -> int:
        """Fork one worker on ``revision``, which loads the staged ``config``; return its pid.

        Args:
            theirs: the worker's end of its channel.
            pulse: where the worker's loop counts.
            revision: None for a placeholder.
            config: the path of the staged configuration, None for a placeholder.
            trial: the worker never accepts.
            at_fork: runs in the child first, and drops what belongs to the parent alone.

        Raises:
            OSError: the kernel refuses another process.
        """
        _flush()
        pid = os.fork()
        if pid:
            return pid
        code = EXIT_CRASHED
        try:
            at_fork()
            gc.enable()
            log = self.log.bind(worker=os.getpid(), revision=revision.number if revision else None)
            given = self.secrets.of(revision.secrets if revision else self.secrets.newest).values
            hidden = self.secrets.hidden
            assignment = Assignment(config, trial, self.last_runs, pulse, self.tells, given, hidden)
            shared = (self.listener, self.passed, self.page)
            own = (log, self.certificate, self.places)
            code = Worker(assignment, self.settings, self.environment, theirs, *shared, *own).run()
            # As multiprocessing ends a fork; LiteLLM flushes its logs here.
            atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name for it
        except BaseException as error:  # noqa: BLE001 - nothing may unwind into the parent's frames
            # The traceback's lines of code are ours; the message may quote the configuration, so it stays out.
            frames = "".join(traceback.format_tb(error.__traceback__))
            self.log.error("the worker crashed", error=type(error).__name__, frames=frames)
            lack = lacking(error)
            reason = f"the worker crashed at its start: {lack or type(error).__name__}"
            theirs.send("refused", reason=reason, passing=lack is not None)
        finally:
            _flush()
            os._exit(code)


@dataclass(frozen=True)
class Child:
    """A worker's process, the parent's end of its channel, and its pulse."""

    pid: int
    channel: Channel
    pulse: Pulse


@dataclass
class Processes:
    """The processes by the numbers that `generations` gives; ``leave`` runs in each child first."""

    forker: Forker
    selector: selectors.BaseSelector
    leave: Callable[[], None]
    children: dict[int, Child] = field(default_factory=dict)

    def fork(self, number: int, revision: Revision | None, config: Path | None, *, trial: bool) -> None:
        """Fork a worker, and listen to it.

        Raises:
            OSError: the kernel refuses another process or descriptor; nothing of the worker is left.
        """
        pulse = Pulse()
        try:
            ours, theirs = Channel.pair()
        except OSError:
            pulse.close()
            raise
        try:
            self.selector.register(ours, selectors.EVENT_READ, number)

            def at_fork() -> None:
                ours.close()
                for child in self.children.values():  # else they would stay open past the parent's death
                    child.channel.close()
                    child.pulse.close()
                self.leave()

            pid = self.forker.fork(theirs, pulse, revision, config, trial=trial, at_fork=at_fork)
        except OSError:
            self._close(ours)
            pulse.close()
            raise
        finally:
            theirs.close()
        self.children[number] = Child(pid, ours, pulse)

    def pid(self, number: int) -> int | None:
        """Return the process id of a worker, None for a worker that does not exist (any more)."""
        child = self.children.get(number)
        return child.pid if child else None

    def send(self, number: int, kind: str, /, **fields: object) -> None:
        """Send a message to a worker, to nobody where it is gone."""
        if number in self.children:
            self.children[number].channel.send(kind, **fields)

    def kill(self, number: int) -> None:
        """Send SIGKILL to a worker, to nobody where it is gone."""
        if number in self.children:
            os.kill(self.children[number].pid, signal.SIGKILL)

    def hear(self, number: int) -> list[Message]:
        """Return what a worker has said since the last call."""
        child = self.children.get(number)
        if child is None:
            return []
        said = child.channel.receive()
        if child.channel.closed and child.channel.fileno() in self.selector.get_map():
            self.selector.unregister(child.channel)
        return said

    def ended(self) -> Iterator[tuple[int, str]]:
        """Yield each worker that has ended, with its signal or exit code. It keeps its pid until it is buried."""
        for number, child in list(self.children.items()):
            result = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if result is not None:
                code = result.si_status
                exited = result.si_code == os.CLD_EXITED
                yield number, f"exit code {code}" if exited else f"signal {_name_of_signal(code)}"

    def bury(self, number: int) -> None:
        """Reap a worker that has ended, and forget it."""
        child = self.children.pop(number)
        os.waitpid(child.pid, 0)
        self._close(child.channel)
        child.pulse.close()

    def hung(self, limit: float, numbers: Iterable[int]) -> Iterator[Hung]:
        """Yield those workers whose loop has not turned for ``limit`` seconds, once they had time to tell their stack.

        The caller looks every second or so, at the same workers.
        """
        for child, number in [(self.children[number], number) for number in numbers]:
            seconds = child.pulse.stuck(time.monotonic())
            if seconds >= limit and child.pulse.ask(child.pid):
                yield Hung(number, seconds, child.pulse.stack(child.pid))

    def larger_than(self, mebibytes: float, numbers: Iterable[int]) -> list[int]:
        """Return those workers whose resident memory is more than so many MiB."""
        return [number for number in numbers if _resident_mebibytes(self.children[number].pid) > mebibytes]

    def _close(self, channel: Channel) -> None:
        if channel.fileno() in self.selector.get_map():
            self.selector.unregister(channel)
        channel.close()


def _name_of_signal(number: int) -> str:
    """Return the name of a signal; real-time signals have none but their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _flush() -> None:
    """Write out what was printed; a full or closed output neither keeps a worker from starting nor from ending."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _resident_mebibytes(pid: int) -> float:
    """Return the resident size of a process in MiB, 0 for one that has ended or cannot be measured now."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
