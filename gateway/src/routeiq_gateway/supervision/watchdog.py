"""Noticing programs that hang: each says again and again that it works, and by when it will say so again.

The words are those of sd_notify(3), sent to a socket without a name on any disk. The kernel tells who sends
(SO_PASSCRED, unix(7)), so that no program can speak for another.
"""

import contextlib
import re
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

START_SECONDS = 60.0
"""For a program to say something for the first time: it has to import what it is made of."""
LONGEST_GAP = 10.0
"""Seconds that one look may add: what kept supervisord itself from looking is nobody's hang."""
LONGEST_NOTICE = 4096
CREDENTIALS = struct.Struct("3i")
WITHIN = re.compile(rb"^WATCHDOG_USEC=(\d{1,15})$", re.MULTILINE)


@dataclass
class Watch:
    """One process: for how many seconds it has been silent, and for how many it may be."""

    limit: float = START_SECONDS
    silent: float = 0.0


@dataclass
class Watchdog:
    """Hears the processes, and finds those which have been silent for too long."""

    ear: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    _watches: dict[int, Watch] = field(default_factory=dict)
    _looked: float = 0.0

    def __post_init__(self) -> None:
        """Listen on an address of the kernel's choice.

        Raises:
            OSError: there is no address to be had.
        """
        self.ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.ear.setblocking(False)
        self.ear.bind("")

    @property
    def address(self) -> str:
        """The value of NOTIFY_SOCKET."""
        name: bytes = self.ear.getsockname()
        return "@" + name[1:].decode()

    def hung(self, pids: Iterable[int], now: float) -> list[int]:
        """Return those of ``pids``, all there are to watch, that have been silent for too long.

        ``now`` is in seconds of a monotonic clock.
        """
        gap, self._looked = min(now - self._looked, LONGEST_GAP), now
        self._watches = {pid: self._watches.get(pid) or Watch(silent=-gap) for pid in pids}
        for watch in self._watches.values():
            watch.silent += gap
        for pid, within in self._heard():
            if pid in self._watches:
                self._watches[pid] = Watch(self._watches[pid].limit if within is None else within)
        return [pid for pid, watch in self._watches.items() if watch.silent > watch.limit]

    def _heard(self) -> Iterator[tuple[int, float | None]]:
        """Yield who has said that it works, and for how many seconds that is to count."""
        with contextlib.suppress(BlockingIOError):
            while True:
                text, extra, _, _ = self.ear.recvmsg(LONGEST_NOTICE, socket.CMSG_SPACE(CREDENTIALS.size))
                within = WITHIN.search(text)
                for level, kind, content in extra:
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and b"WATCHDOG=1" in text:
                        yield CREDENTIALS.unpack(content)[0], int(within[1]) / 1e6 if within else None
