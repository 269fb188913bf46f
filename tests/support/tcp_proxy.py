"""A TCP proxy that cuts connections, all at once or when a server's answer is due, stalls them, or answers itself."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """Forwards to ``target`` until told otherwise.

    Attributes:
        port: where it listens on loopback.
        reply: what every new connection is answered with, and closed; empty: it is let through.
        idle: after how many seconds without a byte in either direction a connection is cut; None: never.
        flowing: cleared, nothing is forwarded in either direction, and nobody is told.
        open: whether new connections are let through; a closed proxy hangs up on each.
        fatal: a connection whose client sends these bytes is cut once the server has answered, without the answer.
        after: ... only where the connection has sent these bytes before.
        accepted: how many connections were let through.
        fired: set when that has happened.
        closed: set when the proxy has ended.
        idled: how many connections were cut because they were idle.
    """

    target: int
    listener: socket.socket
    open: bool = True
    reply: bytes = b""
    idle: float | None = None
    flowing: threading.Event = field(default_factory=threading.Event)
    fatal: bytes = b""
    after: bytes = b""
    accepted: int = 0
    fired: threading.Event = field(default_factory=threading.Event)
    pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    idled: int = 0
    _spoke: dict[socket.socket, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.flowing.set()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def cut(self) -> None:
        """Close every connection now."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            hang_up(pair)

    def cut_idle(self) -> None:
        """Cut what is idle for too long, until the proxy ends."""
        while not self.closed.wait(0.1):
            for pair in list(self.pairs):
                silent = time.monotonic() - self._spoke[pair[0]]
                if self.idle is not None and silent > self.idle and pair[0].fileno() >= 0:
                    hang_up(pair)
                    self.idled += 1

    def serve(self) -> None:
        """Accept until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if not self.open:
                    client.close()
                    continue
                if self.reply:
                    threading.Thread(target=self._answer, args=(client, self.reply), daemon=True).start()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                self.accepted += 1
                self._spoke[client] = time.monotonic()
                self.pairs.append((client, server))
                doomed = threading.Event()
                for work in (self._up, self._down):
                    threading.Thread(target=work, args=(client, server, doomed), daemon=True).start()

    def _answer(self, client: socket.socket, reply: bytes) -> None:
        with contextlib.suppress(OSError):
            client.settimeout(5)
            if client.recv(65536):
                client.sendall(reply)
        client.close()

    def _up(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        ripe = not self.after
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self._spoke[client] = time.monotonic()
                if ripe and self.fatal and self.fatal in data:
                    self.fatal = b""
                    doomed.set()
                ripe = ripe or self.after in data
                self.flowing.wait()
                server.sendall(data)
        hang_up((client, server))

    def _down(self, client: socket.socket, server: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                self._spoke[client] = time.monotonic()
                if doomed.is_set():
                    self.fired.set()
                    break
                self.flowing.wait()
                client.sendall(data)
        hang_up((client, server))


def hang_up(pair: tuple[socket.socket, socket.socket]) -> None:
    """Close both ends."""
    for end in pair:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextlib.contextmanager
def proxying(target: int) -> Iterator[Proxy]:
    """Run a proxy before ``127.0.0.1:target``."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(target, listener)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    threading.Thread(target=proxy.cut_idle, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.closed.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        proxy.cut()
        proxy.flowing.set()
