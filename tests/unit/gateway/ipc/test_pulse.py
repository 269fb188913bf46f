"""The memory in which a worker's loop counts its turns."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from routeiq_gateway.ipc.pulse import LONGEST_GAP, Pulse
from tests.support.waiting import wait_for


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    """A pulse that has not begun."""
    made = Pulse()
    yield made
    made.close()


def count(pulse: Pulse) -> None:
    """Count once."""
    loop = asyncio.new_event_loop()
    pulse.start(loop)
    loop.close()


def test_what_has_not_begun_does_not_hang(pulse: Pulse) -> None:
    """A start takes as long as it takes; its own deadline ends it."""
    assert [pulse.stuck(float(second)) for second in range(100)] == [0.0] * 100


def test_seconds_add_up_until_the_loop_turns(pulse: Pulse) -> None:
    """One turn ends the hang."""
    count(pulse)
    assert [pulse.stuck(now) for now in (100.0, 101.0, 102.0, 103.0)] == [0.0, 1.0, 2.0, 3.0]
    count(pulse)
    assert pulse.stuck(104.0) == 0.0
    assert pulse.stuck(105.0) == 1.0


def test_what_kept_the_parent_from_looking_is_no_hang(pulse: Pulse) -> None:
    """A container that was frozen for an hour, a parent that was stopped: the worker gets its whole time again."""
    count(pulse)
    pulse.stuck(100.0)
    assert pulse.stuck(3700.0) == LONGEST_GAP


def test_the_stack_is_told_by_a_process_that_is_blocked(pulse: Pulse) -> None:
    """A child that waits in C for good writes the stacks of all its threads, each once; a stopped one, why not."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - runs in another process
        pulse.write_stack_when_asked()
        os.write(told, b"x")
        threading.Event().wait()
        os._exit(0)
    try:
        os.read(ready, 1)
        assert pulse.ask(child) is False
        text = wait_for("the stack", lambda: text if "test_the_stack" in (text := pulse.stack(child)) else "")
        assert "thread" in text.lower()
        assert pulse.ask(child) is True
        os.kill(child, signal.SIGSTOP)
        wait_for("the child to stop", lambda: "T (stopped)" in pulse.stack(child))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(told)


def test_no_program_inherits_the_stacks(pulse: Pulse) -> None:
    """Programs that a worker starts, a query engine for one, have no descriptor of it."""
    descriptor = str(pulse._stack)  # noqa: SLF001 - what stays inside cannot be seen otherwise
    seen = subprocess.run(
        [sys.executable, "-c", "import os; print(*os.listdir('/proc/self/fd'))"],
        close_fds=False,
        check=True,
        capture_output=True,
        text=True,
    )
    assert descriptor not in seen.stdout.split()
