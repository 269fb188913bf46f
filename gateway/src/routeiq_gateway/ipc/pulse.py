"""A worker's pulse: its event loop counts in memory that the parent reads, so that a loop which hangs is noticed.

The pulse costs the worker one timer a second. Once the loop hangs, a signal has the worker write the stacks of its
threads into a file in memory: faulthandler's handler runs in C, so it works whatever the Python code waits for.
"""

import asyncio
import contextlib
import faulthandler
import mmap
import os
import signal
import struct
from pathlib import Path

COUNT_SECONDS = 1.0
LONGEST_GAP = 2.0
"""Seconds that one look of the parent's may add: what it was itself kept from looking (a frozen container) is not the
worker's to answer for."""
STACK_SIGNAL = signal.SIGRTMIN + 3
"""No library is known to use it."""
LONGEST_STACK = 32 * 1024
COUNT = struct.Struct("<Q")


class Pulse:
    """The pulse of one worker, made by the parent right before the fork.

    Raises:
        OSError: there is no descriptor or memory to be had.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, COUNT.size)
        self._stack = os.memfd_create("stack")  # closed at exec(2), as all descriptors that Python makes
        self._read = 0
        self._seen = 0
        self._looked = 0.0
        self._stuck = 0.0
        self._asked = False

    def write_stack_when_asked(self) -> None:
        """Have `STACK_SIGNAL` write the stacks of all threads (worker only)."""
        faulthandler.register(STACK_SIGNAL, file=self._stack, all_threads=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have ``loop`` count from now on (worker only)."""
        COUNT.pack_into(self._memory, 0, COUNT.unpack_from(self._memory)[0] + 1)
        loop.call_later(COUNT_SECONDS, self.start, loop)

    def stuck(self, now: float) -> float:
        """Return for how many seconds the loop has not turned; 0 before it has begun to count (parent only).

        ``now`` is in seconds of a monotonic clock.
        """
        [count] = COUNT.unpack_from(self._memory)
        gap, self._looked = min(now - self._looked, LONGEST_GAP), now
        if count != self._seen:
            self._seen, self._stuck, self._asked = count, 0.0, False
        elif count:
            self._stuck += gap
        return self._stuck

    def ask(self, pid: int) -> bool:
        """Ask the worker, which has this ``pid``, for its stacks; whether it was asked before (parent only)."""
        asked, self._asked = self._asked, True
        if not asked:
            os.kill(pid, STACK_SIGNAL)
        return asked

    def stack(self, pid: int) -> str:
        """Return what the worker has written since the last call, or why it wrote nothing (parent only)."""
        size = os.fstat(self._stack).st_size
        text = os.pread(self._stack, LONGEST_STACK, max(self._read, size - LONGEST_STACK)).decode(errors="replace")
        self._read = size
        return text or f"none: the process takes no signal, its state is {_state(pid)}"

    def close(self) -> None:
        """Let go of the stacks; in the parent when the worker has ended, and in other workers right after the fork."""
        os.close(self._stack)


def _state(pid: int) -> str:
    """Return the state of a process as the kernel tells it, such as "T (stopped)"."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("State:"))
    return "unknown"
