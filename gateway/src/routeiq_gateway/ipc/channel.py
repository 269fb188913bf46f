"""Messages between the parent and one worker: JSON lines over a socket pair."""

import json
import socket
from dataclasses import dataclass, field
from typing import Any

LONGEST_LINE = 64 * 1024
Message = dict[str, Any]


@dataclass
class Channel:
    """One end of a socket pair. Messages are small; a peer that is gone shows as :attr:`closed`."""

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
        """Send one message; a peer that is gone, or that reads nothing any more, is no error here."""
        try:
            self.end.sendall(json.dumps({"kind": kind, **fields}).encode() + b"\n")
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            self.closed = True
        except OSError:
            if self.end.fileno() >= 0:
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
            if not data:
                self.closed = True
            self._rest += data
            if len(self._rest) > LONGEST_LINE * 4:
                self.closed = True
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """Close this end."""
        self.closed = True
        self.end.close()
