"""Saying to the supervisor that this process works, in the words of sd_notify(3): whoever hangs falls silent."""

import contextlib
import socket
import time
from dataclasses import dataclass, field

EVERY_SECONDS = 5.0


@dataclass
class Notifier:
    """Says to the supervisor at ``address`` (NOTIFY_SOCKET) that this process works; to nobody where that is None."""

    address: str | None
    _end: socket.socket | None = field(default=None, init=False)
    _said: float = field(default=float("-inf"), init=False)
    _within: float = field(default=0.0, init=False)

    def works(self, *, within: float) -> None:
        """Say that this process works, and will say so again within so many seconds; seldom enough to cost nothing."""
        now = time.monotonic()
        if self.address is None or (within == self._within and now - self._said < EVERY_SECONDS):
            return
        self._said, self._within = now, within
        if self._end is None:
            self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._end.setblocking(False)
        text = f"WATCHDOG=1\nWATCHDOG_USEC={int(within * 1e6)}"
        with contextlib.suppress(OSError):  # a supervisor that does not listen now is told the next time
            self._end.sendto(text.encode(), self.address.replace("@", "\0", 1))
