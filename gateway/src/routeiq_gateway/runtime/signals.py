"""Signals for a loop that sleeps in a selector."""

import contextlib
import os
import signal
from dataclasses import dataclass, field
from types import FrameType

CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass
class Signals:
    """Catches signals and wakes the selector through a pipe."""

    arrived: list[int] = field(default_factory=list)
    _read: int = -1
    _write: int = -1

    def install(self) -> None:
        """Catch the signals from now on."""
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in CAUGHT:
            signal.signal(number, self._note)

    def fileno(self) -> int:
        """Return the descriptor to watch."""
        return self._read

    def take(self) -> list[int]:
        """Return the signals that came since the last call."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 512):
                pass
        taken, self.arrived = self.arrived, []
        return taken

    def close(self) -> None:
        """Close the pipe (in a child, right after the fork)."""
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.arrived.append(number)
