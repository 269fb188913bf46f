"""Writes that leave together: one system call sends all that one turn of the loop writes to a connection.

uvicorn writes the head of a response and its body one after the other, and each piece of a stream by itself. Under load
several pieces of a stream come within one turn, and uvloop makes a system call of each.
"""

import asyncio
from typing import Any

MOST_WAITING = 64 * 1024
"""Bytes past which what waits is sent at once, so that a transport which is full has the application pause in time."""


class Gathering:
    """A transport that sends at the end of a turn what is written within it; all else is the wrapped transport's.

    Args:
        transport: the wrapped transport.
        loop: the loop whose turns count.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have ``data`` sent at the end of this turn."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(data)
        self._size += len(data)
        if self._size > MOST_WAITING:
            self._send()

    def close(self) -> None:
        """Send what waits, and then close as the wrapped transport does."""
        self._send()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are unsent."""
        return self._size + int(self._transport.get_write_buffer_size())

    def _send(self) -> None:
        together, self._waiting, self._size = b"".join(self._waiting), [], 0
        if together and not self._transport.is_closing():
            self._transport.write(together)
