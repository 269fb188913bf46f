"""Messages between the parent and one worker: JSON lines over a socket pair.

The worker sends ``ready``, ``refused`` (with ``reason``), ``recycle`` and ``reload`` (with ``id``); the parent sends
``accept``, ``drain`` (with ``seconds``, ``idle`` and ``pass_on``) and ``reloaded`` (with ``id`` and the outcome).
"""

import json
import socket
from dataclasses import dataclass, field
from typing import Any

LONGEST_LINE = 64 * 1024
"""Bytes read at once; four times as many without an end of line close the channel."""
Message = dict[str, Any]


@dataclass
class Channel:
    """One end of a socket pair. Once the peer is gone, :attr:`closed` is true."""

    end: socket.socket
    closed: bool = False
    _rest: bytes = field(default=b"", repr=False)

    @classmethod
    def pair(cls) -> tuple["Channel", "Channel"]:
        """Return the parent's end and the worker's end, both non-blocking."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        return cls(ours), cls(theirs)

    def fileno(self) -> int:
        """Return the file descriptor, for selectors."""
        return self.end.fileno()

    def send(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - any JSON value
        """Send one message; a peer that is gone, or that has stopped reading, only sets :attr:`closed`.

        Raises:
            OSError: sending fails for another reason.
        """
        try:
            self.end.sendall(json.dumps({"kind": kind, **fields}).encode() + b"\n")
        except OSError as error:
            gone = isinstance(error, BlockingIOError | BrokenPipeError | ConnectionResetError)
            if not gone and self.end.fileno() >= 0:
                raise
            self.closed = True

    def receive(self) -> list[Message]:
        """Return the messages that have arrived whole; sets :attr:`closed` at the end of the stream."""
        while not self.closed:
            try:
                data = self.end.recv(LONGEST_LINE)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            self._rest += data
            self.closed = not data or len(self._rest) > LONGEST_LINE * 4
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Close this end."""
        self.closed = True
        self.end.close()
