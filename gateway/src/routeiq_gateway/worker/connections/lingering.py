"""Closed connections whose clients may still be sending.

Where a socket is closed while bytes wait unread on it, or arrive later, the kernel answers with a reset, and the
client's kernel then drops what the client has not read yet: the end of a response that was sent whole. So our side is
closed first, and what the client sends is read and dropped until the client closes too (RFC 9112, 9.6).
"""

import asyncio
import contextlib
import os
import socket

LINGER_SECONDS = 2.0
AT_ONCE = 64 * 1024


class Lingering:
    """The connections of one worker that are half closed."""

    def __init__(self) -> None:
        self._ends: dict[socket.socket, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ends)

    def add(self, descriptor: int) -> None:
        """Half close the connection, and close it once its client has; at the latest after `LINGER_SECONDS`.

        Args:
            descriptor: of the socket, on which nothing waits to be sent. It stays the caller's to close.
        """
        with contextlib.suppress(OSError):  # the client is gone, or there are no descriptors: closing has to do
            end = socket.socket(fileno=os.dup(descriptor))
            loop = asyncio.get_running_loop()
            self._ends[end] = loop.call_later(LINGER_SECONDS, self._close, end)
            loop.add_reader(end, self._drop, end)
            end.shutdown(socket.SHUT_WR)

    def _drop(self, end: socket.socket) -> None:
        try:
            ended = not end.recv(AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._close(end)

    def _close(self, end: socket.socket) -> None:
        self._ends.pop(end).cancel()
        asyncio.get_running_loop().remove_reader(end)
        end.close()
