"""A plug-in for supervisord: which fault ends the whole replica, which programs hang, and where the log goes.

supervisord itself goes on without a program that failed for good, always exits 0, restarts a program that dies late
without a pause, and waits for whoever reads its log. ``supervisord.conf`` names the plug-in as an ``rpcinterface``,
which supervisord loads into its own process (https://supervisord.org/xmlrpc.html#rpc-interface-extension). There it
works as PID 1 too, to which a signal from inside the container would not be delivered.
"""

import atexit
import contextlib
import math
import os
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal, cast

from supervisor import events
from supervisor.datatypes import RestartUnconditionally
from supervisor.dispatchers import PInputDispatcher
from supervisor.loggers import Handler
from supervisor.states import ProcessStates, SupervisorStates

from routeiq_gateway.runtime.logs import Log, build_log
from routeiq_gateway.supervision.outlet import Outlet, Output
from routeiq_gateway.supervision.restarts import History
from routeiq_gateway.supervision.volume import DOUBT_SECONDS, LOST_SECONDS, VolumeWatch
from routeiq_gateway.supervision.watchdog import Watchdog

EXIT_FATAL = 70
ASK_SECONDS = 5.0
END_SECONDS = 20.0
"""For supervisord to end once its programs have ended; then the volume hangs, on which it has files to remove."""
LEAVE_SECONDS = 10.0
"""For requests that are under way to end, where the volume is given up."""
TURN_SECONDS = 1.5
"""A turn of supervisord's loop, in which it notices who has ended."""
GIVE_UP = 1_000_000
"""Tries to start, more than supervisord.conf allows a program."""
LEVELS = {"CRIT": "critical", "ERRO": "error", "WARN": "warning"}
WATCHED = {"gateway", "migrate", "syncd"}
"""The programs that say that they work; an operator's own need not."""
LIVING = {ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.STOPPING}


class Nothing:
    """The RPC namespace that the extension point asks for; it offers no method."""


def make(supervisord: Any, *, volume: str, **_options: str) -> Nothing:  # noqa: ANN401 - supervisor ships no types
    """Supervise the programs of ``supervisord``, and end what outlives them on ``volume``."""
    supervision = Supervision(supervisord, Path(volume).absolute())
    for kind, handler in (
        (events.ProcessStateExitedEvent, supervision.ended),
        (events.ProcessStateBackoffEvent, supervision.ended),
        (events.ProcessStateStoppedEvent, supervision.stopped),
        (events.ProcessStateFatalEvent, supervision.fatal),
        (events.Tick5Event, supervision.look),
        (events.SupervisorStoppingEvent, supervision.stopping),
    ):
        events.subscribe(kind, handler)
    # At exit every program has been stopped; workers whose parent was killed are not programs of supervisord.
    atexit.register(supervision.exit)
    return Nothing()


class Supervision:
    """What is known of the programs of one supervisord.

    In ``volume`` / handoff workers without a parent offer their listening socket.
    """

    def __init__(self, supervisord: Any, volume: Path) -> None:  # noqa: ANN401 - supervisor ships no types
        self._supervisord = supervisord
        self._options = supervisord.options
        self._volume = VolumeWatch(volume)
        self._doubted = self._lost = False
        self._histories: dict[str, History] = {}
        self._hung: set[int] = set()
        self._last_reaped: tuple[int, int] = (0, 0)
        self._failed = False
        self._watchdog = Watchdog()
        self._out, self._err = (Outlet(descriptor, self._tell_lost) for descriptor in (1, 2))
        sys.stdout, sys.stderr = self._out, self._err
        environment = self._options.environ_expansions
        form = cast("Literal['json', 'console'] | None", environment.get("ENV_LOG_FORMAT") or None)
        self._log: Log = build_log("supervisord", level="INFO", form=form)
        self._options.logger.handlers.append(_ToLog(self._log))
        self._reap, self._options.waitpid = self._options.waitpid, self._waitpid
        for process in self._processes():
            process.config.make_dispatchers = self._dispatchers
            process.config.environment = {
                **(process.config.environment or {}),
                "NOTIFY_SOCKET": self._watchdog.address,
            }

    def ended(self, event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        """Decide when a program that has ended, or could not be started, is started again."""
        self.stopped(event)
        process, now = event.process, time.time()
        name, code = process.config.name, self._code_of(process.pid)
        if process.config.autorestart is not RestartUnconditionally and code in process.config.exitcodes:
            return  # it has done its work
        lasted, start = max(now - process.laststart, 0.0), process.config.startsecs + TURN_SECONDS
        history = self._histories[name] = self._history(name).ended(name, code, lasted, start=start)
        reason, pause = history.verdict(code), history.pause()
        if reason is not None:
            self._log.critical("a program cannot work", program=name, reason=reason)
            process.backoff, process.delay, process.state = GIVE_UP, now, ProcessStates.BACKOFF
        elif pause or process.state == ProcessStates.BACKOFF:
            self._log.warning("a program is started again", program=name, exit_code=code, pause=pause)
            # supervisord takes a delay longer than so many seconds for a clock that was set back.
            process.backoff, process.delay, process.state = math.ceil(pause), now + pause, ProcessStates.BACKOFF

    def stopped(self, event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        """Write what a program wrote last, though it is no whole line."""
        for dispatcher in event.process.dispatchers.values():
            if isinstance(dispatcher, Output):
                dispatcher.finish()

    def fatal(self, event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        """Stop everything, unless a stop made a program FATAL that was between two tries to start."""
        if self._options.mood == SupervisorStates.RUNNING:
            self._log.critical(f"{event.process.config.name} is FATAL: stopping everything, exit status {EXIT_FATAL}")
            self._options.mood = SupervisorStates.SHUTDOWN
            self._failed = True

    def look(self, _event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        """Kill the programs that hang; they are started again as any that ends. Give up a volume that hangs."""
        watched = {
            process.pid: process.config.name
            for process in self._processes()
            if process.pid and process.state in LIVING and process.config.name in WATCHED
        }
        hung = set(self._watchdog.hung(watched, time.monotonic()))
        if self._volume_hangs():
            return
        for pid in hung - self._hung:
            name = watched[pid]
            self._histories[name] = self._history(name).hung(time.monotonic())
            self._log.critical("a program hangs, and is killed", program=name, pid=pid)
        for pid in hung:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # this process alone: the gateway's workers go on
        self._hung = hung

    def _volume_hangs(self) -> bool:
        """Whether programs hang because the volume does; one that is silent for too long ends the replica."""
        silent = self._volume.silent(time.monotonic())
        doubted, self._doubted = self._doubted, silent >= DOUBT_SECONDS
        if self._doubted and not doubted:
            self._log.error("the volume does not answer", volume=str(self._volume.folder), limit=LOST_SECONDS)
        elif doubted and not self._doubted:
            self._log.warning("the volume answers again", volume=str(self._volume.folder))
        if silent >= LOST_SECONDS and not self._lost:
            self._log.critical("the volume hangs: stopping everything", exit_status=EXIT_FATAL, seconds=round(silent))
            self._options.mood = SupervisorStates.SHUTDOWN
            self._failed = self._lost = True
            threading.Thread(target=self._leave, name="leave", daemon=True).start()
        return self._doubted

    def stopping(self, _event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        """See to it that supervisord ends with its programs, though it has files to remove from a volume that hangs."""
        if self._options.mood != SupervisorStates.SHUTDOWN:
            self._volume.end()  # about to start everything anew, with a plug-in made anew
        elif not self._lost:
            threading.Thread(target=self._end_late, name="end", daemon=True).start()

    def exit(self) -> None:
        """End what is left, and with a status that tells, in place of the 0 that supervisord is about to return."""
        self._volume.end()
        end_orphans(self._volume.folder / "handoff")
        self._out.flush()
        self._err.flush()
        if self._failed:
            os._exit(EXIT_FATAL)

    def _end_late(self) -> None:
        while any(process.pid for process in self._processes()):
            time.sleep(1)
        time.sleep(END_SECONDS)
        self._log.critical("supervisord cannot end, since the volume hangs", exit_status=EXIT_FATAL)
        os._exit(EXIT_FATAL)

    def _leave(self) -> None:
        """End without the volume: supervisord and its programs wait for it, and workers, which do not, drain."""
        living = [process.pid for process in self._processes() if process.pid]
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)  # supervisord makes each program the leader of a group
        time.sleep(LEAVE_SECONDS)
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._err.flush()
        os._exit(EXIT_FATAL)

    def _processes(self) -> list[Any]:
        return [process for group in self._supervisord.process_groups.values() for process in group.processes.values()]

    def _history(self, name: str) -> History:
        return self._histories.get(name, History())

    def _waitpid(self) -> tuple[int | None, int | None]:
        """Reap a child as supervisord does, and keep its exit code, which supervisord's events lack."""
        pid, status = self._reap()
        if pid:
            self._last_reaped = pid, os.waitstatus_to_exitcode(status)
        return pid, status

    def _code_of(self, pid: int) -> int | None:
        """Return the exit code of a process that has just ended, None for one that never was."""
        reaped, code = self._last_reaped
        return code if pid and pid == reaped else None

    def _dispatchers(self, process: Any) -> tuple[dict[int, Any], dict[str, int]]:  # noqa: ANN401 - see above
        """Make what `ProcessConfig.make_dispatchers` makes, with our way out for the log."""
        pipes: dict[str, int] = self._options.make_pipes(stderr=True)
        out, err, into = pipes["stdout"], pipes["stderr"], pipes["stdin"]
        made = {
            out: Output(process, events.ProcessCommunicationStdoutEvent, out, self._out),
            err: Output(process, events.ProcessCommunicationStderrEvent, err, self._err),
            into: PInputDispatcher(process, "stdin", into),
        }
        return made, pipes

    def _tell_lost(self, lines: int) -> None:
        self._log.warning("lines of the log are lost: nobody read them", lines=lines)


class _ToLog(Handler):  # type: ignore[misc] # supervisor ships no types
    """Has supervisord's own lines written like those of its programs."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        """Write one line."""
        fields = record.asdict()
        getattr(self._log, LEVELS.get(fields["levelname"], "info"))(fields["message"].strip())

    def close(self) -> None:
        """Close nothing: the output belongs to the programs too."""

    def reopen(self) -> None:
        """Open nothing anew."""


def end_orphans(folder: Path) -> None:
    """Drain the workers without a parent: those that offer their listening socket in ``folder``."""
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.settimeout(ASK_SECONDS)
            asking.connect(str(path))
            # The kernel knows who listens (unix(7)); the pid in the name may be another process's by now.
            peer = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            os.kill(struct.unpack("3i", peer)[0], signal.SIGTERM)
