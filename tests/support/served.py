"""Servers of workers in one loop, around an application of the test's, and clients that speak in bytes."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import uvloop

from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.worker.front import Front
from routeiq_gateway.worker.server import Server

GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
UPGRADE = (
    b"GET /w HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CLIENT_SECONDS = 10.0
SMALL = 4096
"""Bytes that a client's kernel takes ahead of the client, so that the end of a long response waits at the server."""
Application = Callable[[Any, Any, Any], Awaitable[None]]


async def nothing() -> None:
    """Check nothing."""


def saying(name: bytes) -> Application:
    """Return an application that answers every request with ``name``, and accepts every WebSocket."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "bytes": name})
        else:
            length = (b"content-length", str(len(name)).encode())
            await send({"type": "http.response.start", "status": 200, "headers": [length]})
            await send({"type": "http.response.body", "body": name})

    return application


class House:
    """A listening socket, and the servers on it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.passed = Passed()
        self.clients: list[Client] = []
        self.running: list[asyncio.Task[None]] = []

    async def serve(
        self,
        application: Application,
        *,
        accept: bool = True,
        keepalive: float = 60,
        receive: float = 60,
        tls: ssl.SSLContext | None = None,
    ) -> Server:
        """Start a server."""
        front = Front(application, nothing)
        listener = self.listener.dup()
        server = Server(
            front,
            front,
            listener,
            self.passed,
            keepalive=keepalive,
            receive=receive,
            limit_concurrency=None,
            tls=lambda: tls,
            alone=True,
        )
        self.running.append(asyncio.get_running_loop().create_task(server.serve()))
        await server.start_ended.wait()
        if accept:
            server.accept()
        return server

    async def connect(self, server: Server) -> "Client":
        """Open a connection that ``server`` has accepted."""
        held = len(server.server_state.connections)
        client = self.connect_any()
        await until(lambda: len(server.server_state.connections) > held)
        return client

    def connect_any(self) -> "Client":
        """Open a connection."""
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        end.connect(self.listener.getsockname())
        end.setblocking(False)
        client = Client(end)
        self.clients.append(client)
        return client


class Client:
    """A client's end."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.got = b""

    def send(self, data: bytes) -> None:
        """Hand bytes to the kernel at once: they wait at the server before it does anything else."""
        assert self.end.send(data) == len(data)

    async def send_all(self, data: bytes) -> None:
        """Send as the server takes it."""
        await asyncio.get_running_loop().sock_sendall(self.end, data)

    async def response(self) -> tuple[bytes, bytes]:
        """Return the head and the body of one response."""
        await self._read(lambda: b"\r\n\r\n" in self.got)
        head, _, rest = self.got.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        self.got = rest
        await self._read(lambda: len(self.got) >= length)
        body, self.got = self.got[:length], self.got[length:]
        return head, body

    async def some(self) -> None:
        """Read a little."""
        had = len(self.got)
        await self._read(lambda: len(self.got) > had)

    async def until(self, end: bytes) -> None:
        """Read until what has come ends so."""
        await self._read(lambda: self.got.endswith(end))

    async def rest(self) -> bytes:
        """Return all that comes until the server closes."""
        await self._read(lambda: False, whole=True)
        return self.got

    async def _read(self, enough: Callable[[], bool], *, whole: bool = False) -> None:
        async with asyncio.timeout(CLIENT_SECONDS):
            while not enough():
                data = await asyncio.get_running_loop().sock_recv(self.end, 65536)
                if not data:
                    assert whole, f"the server closed after {self.got!r}"
                    return
                self.got += data


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a limit."""
    async with asyncio.timeout(CLIENT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def house() -> AsyncIterator[House]:
    """Give a house, and end its servers."""
    opened = House()
    try:
        yield opened
    finally:
        for task in opened.running:
            task.cancel()
        await asyncio.gather(*opened.running, return_exceptions=True)
        for client in opened.clients:
            client.end.close()
        opened.listener.close()
        opened.passed.close()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a test on the loop that workers run on."""
    uvloop.run(coroutine)
