"""HTTP/1.1 by hand on a socket: what no client library sends on purpose."""

import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tests.support.gateway import MASTER_KEY

PATIENCE = 30
AUTHORIZED = f"Host: x\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
CHAT: dict[str, Any] = {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]}


@dataclass(frozen=True)
class Answered:
    """One answer as it stood on the wire."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.line.split()[1])


def post(path: str, document: Any, *, more: str = "") -> bytes:
    """Return a whole request with a JSON body; ``more`` are lines of its head."""
    body = json.dumps(document).encode()
    head = f"POST {path} HTTP/1.1\r\n{AUTHORIZED}{more}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """Return a whole request without a body."""
    return f"GET {path} HTTP/1.1\r\n{AUTHORIZED}\r\n".encode()


class Wire:
    """One connection to ``port`` on loopback; ``window`` bounds what the system reads ahead for it, in bytes."""

    def __init__(self, port: int, *, window: int | None = None) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        if window:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._socket.connect(("127.0.0.1", port))
        self._read = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._read.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._socket.sendall(data)

    def head(self) -> tuple[str, dict[str, str]]:
        """Read the first line and the headers of an answer; an empty line where the connection is closed."""
        line = self._read.readline().decode().strip()
        headers = {}
        while (text := self._read.readline().decode("latin-1").strip()) != "":
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        return line, headers

    def chunk(self) -> bytes:
        """Read one chunk of a chunked body; it is empty at the end."""
        size = int(self._read.readline(), 16)
        data = self._read.read(size)
        self._read.readline()
        return data

    def answer(self, *, bodiless: bool = False) -> Answered:
        """Read one whole answer; ``bodiless`` where the request was a HEAD.

        Raises:
            AssertionError: the connection was closed in place of an answer.
        """
        line, headers = self.head()
        assert line, "closed without an answer"
        body = b""
        if not bodiless and headers.get("transfer-encoding") == "chunked":
            body = b"".join(iter(self.chunk, b""))
        elif not bodiless:
            body = self._read.read(int(headers.get("content-length", "0")))
        return Answered(line, headers, body)

    def closed(self) -> bool:
        """Whether the other side has closed the connection; waits for it, or for a byte."""
        return self._read.read(1) == b""
