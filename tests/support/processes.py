"""Real processes for tests: started, read, and ended by pid."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_for

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent


def free_port() -> int:
    """Return a TCP port on loopback that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listening(port: int) -> bool:
    """Whether something accepts connections on ``127.0.0.1:port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def clean_environment(**settings: str) -> dict[str, str]:
    """Return ``settings`` and what a process needs to run, nothing of the caller's own."""
    return {
        "PATH": f"{SCRIPTS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.environ.get("HOME", "/nonexistent"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


@dataclass
class Running:
    """A process under test whose output goes to a file."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def text(self) -> str:
        """All that the process and its children printed so far."""
        return self.output.read_text(errors="replace")

    def wait_for_text(self, fragment: str, *, seconds: float = 30) -> str:
        """Wait until ``fragment`` was printed; return all output."""
        return wait_for(
            f"{fragment!r} in the output",
            lambda: self.text() if fragment in self.text() else "",
            seconds=seconds,
        )

    def wait_for_exit(self, *, seconds: float = 30) -> int:
        """Wait for the end of the process; return its exit code (negative: the signal)."""
        return self.process.wait(timeout=seconds)

    def kill(self) -> None:
        """SIGKILL this one process."""
        self.process.kill()
        self.process.wait(timeout=10)


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    output: Path,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    descriptor: int | None = None,
) -> Iterator[Running]:
    """Run ``command`` in a process group of its own; end the whole group on leaving.

    ``descriptor`` takes its output in the place of the file ``output``.
    """
    with output.open("ab") as sink:
        process = subprocess.Popen(
            list(command),
            stdout=sink if descriptor is None else descriptor,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )
    handle = Running(process, output)
    try:
        yield handle
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
