"""A man in the middle before a real PostgreSQL, who breaks what the server says at its N-th message.

The protocol is version 3.0 (PostgreSQL manual, 55.7): each message is a byte, its length in four bytes, and a body. The
first answer may be the single byte in which a server takes or turns down TLS.
"""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PIECE = 65536
MOST_SENT = 512 * 1024 * 1024
"""How much an endless message is long at most: more than any bound, and less than a test can take."""
PATIENCE = 20.0
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message of the protocol."""
    return kind + struct.pack("!i", len(body) + 4) + body


def told(kind: bytes, severity: str, state: str, words: str) -> bytes:
    """Return an ErrorResponse (``E``) or a NoticeResponse (``N``)."""
    fields = {"S": severity, "V": severity, "C": state, "M": words, "D": f"Failing row contains ({words})."}
    return message(kind, b"".join(f"{name}{text}\0".encode() for name, text in fields.items()) + b"\0")


def notification(channel: str, payload: str) -> bytes:
    """Return a NotificationResponse."""
    return message(b"A", struct.pack("!i", 1) + f"{channel}\0{payload}\0".encode())


@dataclass(frozen=True)
class Break:
    """What is done to one message of the server, and to the connection after it.

    Attributes:
        at: which message of a connection it is, from 0.
        change: makes what is sent in its place.
        ending: what follows: ``on`` (the server's next message), ``close``, ``reset``, ``half`` (no more is sent, and
            what the client sends is still read), ``hold`` (nothing is sent and nothing read), or ``endless``.
    """

    at: int
    change: Callable[[bytes], bytes]
    ending: str = "on"


@dataclass(eq=False)
class HostilePostgres:
    """Stands before ``127.0.0.1:target``, breaking new connections by `broken`, None for none.

    Attributes:
        every: changes every message of all connections, also of those that are open.
        fired: set when a message was broken.
        ended: set when it has ended.
    """

    target: int
    broken: Break | None = None
    every: Callable[[bytes], bytes] | None = None
    fired: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Hang up on everybody."""
        pairs, self._pairs = self._pairs, []
        for ends in pairs:
            for end in ends:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept nobody any more, and hang up."""
        self.ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)
        self.cut()

    def _accept(self) -> None:
        while not self.ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, self.broken), daemon=True).start()

    def _serve(self, client: socket.socket, broken: Break | None) -> None:
        with client, contextlib.suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self.target), timeout=PATIENCE)
            with server:
                server.settimeout(None)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pairs.append((client, server))
                line = _Line(client, server, broken, self)
                try:
                    line.run()
                finally:
                    with contextlib.suppress(ValueError):
                        self._pairs.remove((client, server))


@dataclass(eq=False)
class _Line:
    """One connection through the middle."""

    client: socket.socket
    server: socket.socket
    broken: Break | None
    owner: HostilePostgres
    unread: bytes = b""
    count: int = 0
    greeted: bool = False
    single: bool = False

    def run(self) -> None:
        """Pass on what either says, until one hangs up or the connection was broken."""
        while True:
            ready, _, _ = select.select([self.client, self.server], [], [])
            if self.client in ready:
                data = self.client.recv(PIECE)
                if not data:
                    return
                self.single = not self.greeted and data.startswith(SSL_REQUEST)
                self.greeted = self.greeted or not self.single
                self.server.sendall(data)
            if self.server in ready:
                data = self.server.recv(PIECE)
                if not data:
                    return
                self.unread += data
                if not self._pass_on():
                    return

    def _pass_on(self) -> bool:
        """Send whole messages of the server; return whether the connection goes on."""
        passed = b""
        while (whole := self._next()) is not None:
            broken, self.count = self.broken, self.count + 1
            if self.owner.every is not None:
                whole = self.owner.every(whole)
            if broken is None or self.count <= broken.at:
                passed += whole
                continue
            self.broken = None
            self.client.sendall(passed + broken.change(whole))
            passed = b""
            self.owner.fired.set()
            if broken.ending != "on":
                self._end(broken.ending)
                return False
        if passed:
            self.client.sendall(passed)
        return True

    def _next(self) -> bytes | None:
        length = 1 if self.single else 5
        if len(self.unread) < length:
            return None
        if self.single:
            self.single = False
        else:
            length = 1 + int(struct.unpack("!i", self.unread[1:5])[0])
        if len(self.unread) < length:
            return None
        whole, self.unread = self.unread[:length], self.unread[length:]
        return whole

    def _end(self, ending: str) -> None:
        if ending == "reset":
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif ending == "half":
            self.client.shutdown(socket.SHUT_WR)
            while self.client.recv(PIECE):
                pass
        elif ending == "hold":
            # The client's end is noticed, and what it sends before is left alone.
            poller = select.poll()
            poller.register(self.client, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
            while not self.owner.ended.is_set() and not poller.poll(100):
                pass
        elif ending == "endless":
            row = message(b"D", struct.pack("!hi", 1, 4000) + bytes(4000)) * 16
            for _ in range(MOST_SENT // len(row)):
                self.client.sendall(row)


@contextlib.contextmanager
def hostile_postgres(target: int) -> Iterator[HostilePostgres]:
    """Yield a man in the middle before ``127.0.0.1:target``, who breaks nothing yet."""
    middle = HostilePostgres(target)
    try:
        yield middle
    finally:
        middle.close()
