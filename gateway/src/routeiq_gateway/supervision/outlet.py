"""The log's way out: supervisord's own output, whatever it is, written without ever waiting for a reader.

A log that nobody reads must not hold up what logs. So what cannot be written now waits in memory, up to a limit; what
comes beyond that is dropped, and counted. Output is written as it was inherited: a file keeps its place, which a second
opening would not share, and a socket or another user's pipe cannot be opened at all.
"""

import contextlib
import io
import os
import select
import socket
import stat
from collections.abc import Callable
from typing import Any

from supervisor.dispatchers import POutputDispatcher

MOST_WAITING = 1 << 20
"""Bytes."""
LONGEST_LINE = 256 * 1024
AT_ONCE = 64 * 1024


def writer(descriptor: int) -> Callable[[bytes], int]:
    """Return what writes to ``descriptor`` as much as can be written now, and raises BlockingIOError for nothing.

    O_NONBLOCK is a property of what was opened, so setting it would change it for whoever shares the descriptor, a
    shell for one. A pipe or terminal that can be opened a second time has a property of its own.
    """
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return len  # there is no such output
    if stat.S_ISSOCK(mode):
        end = socket.socket(fileno=os.dup(descriptor))
        return lambda data: end.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with contextlib.suppress(OSError):
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            return lambda data: os.write(own, data)
        return lambda data: _write_where_there_is_room(descriptor, data)
    return lambda data: os.write(descriptor, data)


def _write_where_there_is_room(descriptor: int, data: bytes) -> int:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError
    return os.write(descriptor, data[: select.PIPE_BUF])  # for which there is room, as pipe(7) says


class Outlet(io.TextIOBase):
    """Writes to ``descriptor``; also in the place of `sys.stdout` and `sys.stderr`.

    ``tell_lost`` is called with a number of lines that were lost, once the output is read again.
    """

    def __init__(self, descriptor: int, tell_lost: Callable[[int], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._write = writer(descriptor)
        self._waiting = bytearray()
        self._lost = 0
        self._tell_lost = tell_lost

    def isatty(self) -> bool:
        """Whether a person reads along."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Write ``text``, or drop it."""
        self.put(text.encode(errors="replace"))
        return len(text)

    def put(self, data: bytes) -> None:
        """Write ``data``, or drop it."""
        if self._waiting and len(self._waiting) + len(data) > MOST_WAITING:
            self._lost += data.count(b"\n")
        else:
            self._waiting += data
        self.flush()

    def flush(self) -> None:
        """Write of what waits as much as can be written now."""
        try:
            while self._waiting:
                written = self._write(bytes(self._waiting[:AT_ONCE]))
                del self._waiting[:written]
        except BlockingIOError:
            return
        except OSError:
            self._waiting.clear()  # nobody will ever read it, or there is no room
        if self._lost:
            lost, self._lost = self._lost, 0
            self._tell_lost(lost)


class Output(POutputDispatcher):  # type: ignore[misc] # supervisor ships no types
    """What a program writes, passed on to ``outlet`` by whole lines: others write there too."""

    def __init__(self, process: Any, event_type: Any, fd: int, outlet: Outlet) -> None:  # noqa: ANN401 - see above
        super().__init__(process, event_type, fd)
        self._outlet = outlet
        self._rest = b""

    def readable(self) -> bool:
        """Whether to read; supervisord asks at every turn of its loop, so what waits is tried again here."""
        self._outlet.flush()
        return bool(super().readable())

    def finish(self) -> None:
        """Pass on what is no whole line."""
        if self._rest:
            self._outlet.put(self._rest + b"\n")
            self._rest = b""

    def _log(self, data: bytes) -> None:
        lines, end, self._rest = (self._rest + data).rpartition(b"\n")
        if end:
            self._outlet.put(lines + end)
        if len(self._rest) > LONGEST_LINE:
            self.finish()
