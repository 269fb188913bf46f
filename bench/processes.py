"""Processes of the benchmark, and what /proc says about their trees. Only processes started here are ever ended."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
END_SECONDS = 20.0


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(command: Sequence[str], environment: Mapping[str, str], directory: Path) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own; what it prints goes to a file in ``directory``."""
    with (directory / "output.log").open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End ``process`` and what it started: by SIGTERM, and what is left of its session by SIGKILL."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its session is its own, so its group's number is its own too
    except ProcessLookupError:
        return


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], directory: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` for as long as the block lasts."""
    process = start(command, environment, directory)
    try:
        yield process
    finally:
        end(process)


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    """Wait until somebody listens on ``port``.

    Raises:
        TimeoutError: nobody does in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on port {port}")


def tree(root: int) -> list[int]:
    """Return ``root`` and all its descendants."""
    found, fresh = [root], [root]
    while fresh:
        pid = fresh.pop()
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                below = [int(word) for word in children.read_text().split()]
            except OSError:
                continue  # the thread has just ended
            found += below
            fresh += below
    return found


def cpu_seconds(root: int) -> float:
    """Return the CPU time, user and system, of the tree so far, with that of children that have ended."""
    total = 0
    for pid in tree(root):
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue  # it has just ended; its parent accounts for it
        total += sum(int(word) for word in text.rpartition(")")[2].split()[11:15])
    return total / TICKS


def pss_mib(root: int) -> float:
    """Return the tree's proportional set size: private pages plus its share of shared ones."""
    total = 0
    for pid in tree(root):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on."""

    cpu: str
    cores: int
    memory_gib: int


def machine() -> Machine:
    """Return this machine, without its name."""
    text = Path("/proc/cpuinfo").read_text()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(names[0] if names else "unknown", os.cpu_count() or 1, round(memory / 2**30))
