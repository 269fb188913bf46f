"""A server of HTTP/1.1 that answers each request as a test says, down to single bytes and how the connection ends."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATIENCE = 20.0


@dataclass(frozen=True)
class Answer:
    """What is sent for one request.

    Attributes:
        pieces: bytes that are sent one after the other.
        ending: what follows: ``close``, ``reset``, or ``hold``, which sends nothing more until the client goes.
        pause: seconds between two pieces.
    """

    pieces: tuple[bytes, ...]
    ending: str = "close"
    pause: float = 0.0


def plain(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """Return an answer as servers give it."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return Answer((f"{head}\r\n\r\n".encode("latin-1") + body,))


class HostileServer:
    """Answers by ``respond``, which is given the head of each request."""

    def __init__(self, respond: Callable[[bytes], Answer]) -> None:
        self.respond = respond
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self.ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            answer = self.respond(head)
            for piece in answer.pieces:
                connection.sendall(piece)
                if answer.pause and self.ended.wait(answer.pause):
                    return
            if answer.ending == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if answer.ending == "hold":
                connection.recv(1)


@contextlib.contextmanager
def hostile_server(respond: Callable[[bytes], Answer]) -> Iterator[HostileServer]:
    """Yield a server that answers by ``respond``."""
    server = HostileServer(respond)
    try:
        yield server
    finally:
        server.close()
