"""Whole replicas under supervisord on one database and one bucket: started, stopped and killed whole."""

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.fleet import Fleet
from tests.support.gateway import Gateway, TestVolume
from tests.support.history_recorder import HistoryRecorder
from tests.support.processes import free_port
from tests.support.request_history import Down
from tests.support.stack import stack
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for

PROVIDER_KEY = "sk-provider-2f7c1d9e8b6a4053"


def configuration(name: str, provider: str, *, key: str = PROVIDER_KEY, model: str = "openai/demo") -> str:
    """A configuration whose model ``demo`` answers ``name``, and whose model ``slow`` is the provider's."""
    return (
        "model_list:\n"
        f'  - {{model_name: demo, litellm_params: {{model: {model}, api_key: {key}, mock_response: "{name}"}}}}\n'
        f'  - {{model_name: slow, litellm_params: {{model: openai/m, api_key: {key}, api_base: "{provider}"}}}}\n'
    )


@dataclass
class Replicas(Fleet):
    """Replicas by index, each with the ports and the volume that it keeps over its lives.

    Attributes:
        provider: the base of the model ``slow``.
        gateways: the gateway of each replica that was ever started.
        killed: how often each program of a replica was killed on purpose.
    """

    provider: str = ""
    gateways: dict[int, Gateway] = field(default_factory=dict)
    killed: dict[tuple[int, str], int] = field(default_factory=dict)
    recorder: HistoryRecorder | None = None
    _ports: dict[int, int] = field(default_factory=dict)
    _lives: dict[int, contextlib.ExitStack] = field(default_factory=dict)
    _down: dict[int, tuple[float, bool]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def launch(self, index: int) -> None:
        """Start replica ``index``, on the volume that it had before if it had one."""
        while len(self.syncds) <= index:
            folder = self.folder / str(len(self.syncds))
            folder.mkdir()
            self._ports[len(self.syncds)] = free_port()
            self.syncds.append(Syncd(folder, self.settings))
        syncd, port = self.syncds[index], self._ports[index]
        life = self._lives[index] = self.stack.enter_context(contextlib.ExitStack())
        settings = self.settings | self.own.get(index, {})
        running = life.enter_context(stack(syncd.directory, settings, ports=(port, syncd.port)))
        self.processes[index] = running.supervisord
        self.gateways[index] = Gateway(running.supervisord, port, TestVolume(syncd.volume))
        self.fell(index, killed=True)
        threading.Thread(target=self._await_ready, args=(index,), daemon=True).start()

    def kill(self, index: int) -> None:
        """SIGKILL all of replica ``index``, as a lost machine does."""
        self.fell(index, killed=True)
        supervisord = self.processes.pop(index)
        supervisord.kill()
        for process in self.members(index):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_for("all of the replica to end", lambda: not self.members(index))
        self._lives.pop(index).close()

    def tell_to_stop(self, index: int) -> None:
        """SIGTERM to supervisord; `end_of` tells of the end."""
        self.fell(index, killed=False)
        self.processes[index].process.send_signal(signal.SIGTERM)

    def end_of(self, index: int) -> int | None:
        """Return the exit code of a replica that was told to stop; None while it runs."""
        code = self.processes[index].process.poll()
        if code is not None:
            del self.processes[index]
            self._lives.pop(index).close()
        return code

    def fell(self, index: int, *, killed: bool, at: float | None = None) -> None:
        """Remember that nothing of a replica listens from ``at`` on, now by default, until it is ready."""
        with self._lock:
            since, before = self._down.get(index, (at or time.monotonic(), False))
            self._down[index] = (since, killed or before)

    def fell_again(self, index: int, at: float | None = None) -> None:
        """Remember that a gateway's socket is gone, though its supervisord lives, until it is ready again."""
        known = self.is_down(index)
        self.fell(index, killed=True, at=at)
        if not known:
            threading.Thread(target=self._await_ready, args=(index,), daemon=True).start()

    def is_down(self, index: int) -> bool:
        """Whether a replica was killed or stopped, and has not been ready since."""
        return index in self._down

    def put(self, name: str) -> None:
        """Change the configuration at the source."""
        self.s3.put(self.bucket, self.text_of(name))

    def text_of(self, name: str) -> str:
        """Return the configuration of that name."""
        return configuration(name, self.provider)

    def members(self, index: int) -> list[psutil.Process]:
        """All processes of a replica that live, those that outlived their parent too."""
        mark, found = f"ROUTEIQ_VOLUME={self.syncds[index].volume}".encode(), []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                if mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found += [process] if process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def program(self, index: int, name: str) -> psutil.Process | None:
        """The process that supervisord runs as ``name``; None while there is none."""
        with contextlib.suppress(KeyError, psutil.NoSuchProcess):
            for child in psutil.Process(self.processes[index].pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if any(part.endswith(f"/routeiq-{name}") for part in child.cmdline()):
                        return child
        return None

    def workers(self, index: int) -> list[psutil.Process]:
        """The workers of a replica that serve, as its gateway says, and that live."""
        found = []
        for pid in self.gateways[index].workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def _await_ready(self, index: int) -> None:
        """Note for how long a replica was down, once it is ready."""
        process = self.processes.get(index)
        while process is self.processes.get(index) and process is not None:
            if self.gateways[index].ready():
                with self._lock:
                    since, killed = self._down.pop(index, (time.monotonic(), True))
                if self.recorder is not None:
                    self.recorder.note(Down(str(index), since, time.monotonic(), killed))
                return
            time.sleep(0.1)


def stopped(pid: int) -> None:
    """SIGSTOP a process, and wait until the kernel says that it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    wait_for("the stop", lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, every=0.001)


def ended(pid: int) -> bool:
    """Whether a process has closed what it had open: its first thread is a zombie before the last one has ended."""
    try:
        return (
            len(list(Path(f"/proc/{pid}/task").iterdir())) == 1 and psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        )
    except (FileNotFoundError, psutil.NoSuchProcess):
        return True
