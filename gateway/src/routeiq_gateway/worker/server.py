"""uvicorn's server inside a worker, with our own way of accepting and of draining.

Workers share one listening socket. Each accepts one connection at a time and then pauses, the longer the more
connections it holds, so that the next connection goes to the worker that holds least; asyncio's own server would take
the whole backlog at once. With keep-alive, a worker that got too many connections would stay slow for as long as they
last. The only worker of a gateway has nobody to leave connections to and takes the whole backlog: requests that come
together run through the same code together, which costs the processor's caches less.

Draining closes no connection that a client may be about to use. The worker stops accepting, and every new response says
``Connection: close``. In a reload idle connections are passed on to the workers that accept, with all that waits on
them; those which cannot be, and all of them at a stop, are closed once they have stayed idle and nothing waits on them.
At a stop it accepts what waits in the backlog first, since no other worker would.
"""

import asyncio
import contextlib
import gc
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import uvicorn

from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.worker.connections.connection import Connection
from routeiq_gateway.worker.connections.crowd import Crowd
from routeiq_gateway.worker.connections.lingering import Lingering
from routeiq_gateway.worker.front import Front
from routeiq_gateway.worker.replies import Application

DRAIN_TICK = 0.05
LONGEST_HANDSHAKE = 60.0
FLUSH_LIMIT = 5
PAUSE_EACH, LONGEST_PAUSE = 0.0005, 0.004
"""Seconds between two accepts: for each connection held, and at most. A request takes longer than the longest pause."""
MOST_AT_ONCE = 128
LONGEST_BACKLOG = 2048
"""Connections that the parent has the kernel keep waiting; more come only from clients that connect without an end."""
COLLECT_BY_DEFAULT = gc.get_threshold()
COLLECT_AFTER = (20_000, 20, 20)
"""Thresholds of gc: a request of LiteLLM makes thousands of objects, and reference counting frees nearly all."""


class Server(uvicorn.Server):
    """One worker's HTTP server.

    Args:
        front: the application, told when the worker drains.
        application: what serves a connection: ``front``, or what logs each request around it.
        listener: the listening socket, non-blocking, which all workers share.
        passed: the connections that other workers pass on.
        keepalive: seconds after which an idle connection is closed.
        receive: seconds for a request's head to come whole, and between two parts of its body.
        limit_concurrency: with so many connections or requests, LiteLLM is asked no more; None: no limit.
        tls: called for each connection; returns the context to speak TLS with, None to speak plain HTTP.
        alone: whether this is the gateway's only worker.
    """

    def __init__(
        self,
        front: Front,
        application: Application,
        listener: socket.socket,
        passed: Passed,
        *,
        keepalive: float,
        receive: float,
        limit_concurrency: int | None,
        tls: Callable[[], ssl.SSLContext | None],
        alone: bool,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                lifespan="on",
                loop="uvloop",
                http="httptools",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=int(keepalive),
                timeout_graceful_shutdown=FLUSH_LIMIT,
            )
        )
        self.front = front
        if limit_concurrency is not None:
            front.overloaded = partial(self._has, limit_concurrency)
        self.servers: list[asyncio.Server] = []
        self._listener = listener
        self._passed = passed
        self._lingering = Lingering()
        self.crowd = Crowd()
        self._receive = receive
        self._alone = alone
        self.start_ended = asyncio.Event()
        self.accepting = False
        self._drain: asyncio.Task[None] | None = None
        self._idle_limit = 0.0
        self._passing_on = False
        self._opening: set[asyncio.Task[Any]] = set()
        self._handshakes: dict[asyncio.Task[Any], None] = {}
        self._keepalive = keepalive
        self._tls = tls

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the parent commands its workers by messages."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Start the application and accept nothing yet. Where the application refuses, the server ends at once."""
        await self.lifespan.startup()
        self.should_exit = self.lifespan.should_exit
        self.started = not self.should_exit
        if self.started:
            _settle_heap()
        self.start_ended.set()

    def _has(self, limit: int) -> bool:
        """Whether there are ``limit`` connections, or requests beside the one that asks, as uvicorn counts them."""
        return len(self.server_state.connections) >= limit or len(self.server_state.tasks) > limit

    def accept(self) -> None:
        """Begin to accept connections."""
        if not self.accepting:
            self.accepting = True
            self._listen()
            self._take_passed()

    def stop_accepting(self) -> None:
        """Stop accepting. Connections in the backlog are left to the other workers, which hold the same socket.

        At a stop there are none, and the drain takes them.
        """
        if self.accepting:
            self.accepting = False
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            asyncio.get_running_loop().remove_reader(self._passed.fileno())

    def drain(self, limit: float, *, idle: float, pass_on: bool = False) -> None:
        """Let open connections finish, then end the server. A second call changes the rest; with no limit it cuts them.

        Args:
            limit: seconds from the first call after which connections are cut.
            idle: seconds without a request after which a connection is closed.
            pass_on: whether idle connections are left to workers that accept.
        """
        self._idle_limit, self._passing_on = idle, pass_on
        if self._drain is None:
            self._drain = asyncio.get_running_loop().create_task(self._drain_connections(limit))
        elif limit == 0:
            self.should_exit = True
        if not pass_on:
            # Nobody else takes what was passed on last.
            self._take_passed()

    async def _drain_connections(self, limit: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.stop_accepting()
        if not self._passing_on:
            self._accept_waiting()
        self._listener.close()  # once the last holder closes it, a new connection is refused instead of queued
        self.front.draining = True
        started = clock()
        idle_since: dict[Connection, float] = {}
        while True:
            # A WebSocket, which is uvicorn's own class, never is idle.
            connections = [each for each in self.server_state.connections if isinstance(each, Connection)]
            idle_since = {each: idle_since.get(each, clock()) for each in connections if each.idle}
            for connection, since in idle_since.items():
                if self._passing_on:
                    connection.pass_on(self._passed)
                if clock() - since >= self._idle_limit:
                    connection.close_idle()
            await asyncio.sleep(DRAIN_TICK)
            if not self._busy() or clock() - started >= limit:
                break
        self.should_exit = True

    def _busy(self) -> bool:
        """Whether a connection is open, or about to be, or half closed."""
        return bool(self._opening or self.server_state.connections or self._lingering)

    def _listen(self) -> None:
        """Watch the socket, unless accepting has stopped since this was called for."""
        if self.accepting:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept_some)

    def _accept_some(self) -> None:
        for _ in range(MOST_AT_ONCE if self._alone else 1):
            if not self._accept_one():
                return
        if not self._alone:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener.fileno())
            held = len(self.server_state.connections) + len(self._opening)
            loop.call_later(min(held * PAUSE_EACH, LONGEST_PAUSE), self._listen)

    def _accept_waiting(self) -> None:
        """Take what waits in the backlog, which the kernel resets once the last holder has closed the socket."""
        for _ in range(LONGEST_BACKLOG):
            if not self._accept_one():
                return

    def _accept_one(self) -> bool:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False  # another worker was faster, or the client has gone
        except OSError:
            # Out of descriptors or memory: without a pause the loop would spin on a socket that stays readable.
            self._make_room(MOST_AT_ONCE)
            self.stop_accepting()
            asyncio.get_running_loop().call_later(1, self._accept_again)
            return False
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open(connection)
        return True

    def _take_passed(self) -> None:
        """Watch the connections that are passed on. Nobody pauses: each worker takes one in a turn of its loop."""
        if self._drain is None or not self._passing_on:
            asyncio.get_running_loop().add_reader(self._passed.fileno(), self._take_one)

    def _take_one(self) -> None:
        try:
            connection = self._passed.take()
        except OSError:
            asyncio.get_running_loop().remove_reader(self._passed.fileno())
            asyncio.get_running_loop().call_later(1, self._take_passed)
        else:
            if connection is not None:
                self._open(connection)

    def _make_room(self, most: int) -> None:
        """Have up to ``most`` connections that wait for their clients give way."""
        for _ in range(most):
            oldest = next(iter(self._handshakes), None)
            many = len(self._handshakes) * 2 > self.crowd.most
            if oldest is not None and (many or not self.crowd.give_way()):
                del self._handshakes[oldest]
                oldest.cancel()
            elif oldest is None and not self.crowd.give_way():
                return

    def _open(self, connection: socket.socket) -> None:
        if len(self.server_state.connections) + len(self._opening) >= self.crowd.most:
            self._make_room(1)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        tls = self._tls()
        patience = {} if tls is None else {"ssl_handshake_timeout": min(self._keepalive, LONGEST_HANDSHAKE)}
        task = loop.create_task(loop.connect_accepted_socket(self._protocol, connection, ssl=tls, **patience))
        self._opening.add(task)
        if tls is not None:
            self._handshakes[task] = None
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[Any]) -> None:
        """Take a connection that is open, or that its client has given up or begun wrongly, off the list."""
        self._opening.discard(task)
        self._handshakes.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OSError):  # of TLS too: ssl.SSLError is one
            asyncio.get_running_loop().call_exception_handler(
                {"message": "cannot open a connection", "exception": error}
            )

    def _accept_again(self) -> None:
        if not self.front.draining:
            self.accept()

    def _protocol(self) -> Connection:
        return Connection(
            self._lingering,
            self.crowd,
            self._receive,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )


def _settle_heap() -> None:
    """Exempt the objects that LiteLLM built at its start from collection: they live as long as the worker.

    The parent froze its own heap, so the collector takes the heap for small, and without this would go through all of
    it every few requests. Thresholds that LiteLLM set at its import, as PYTHON_GC_THRESHOLD says, are kept.
    """
    gc.collect()
    gc.freeze()
    if gc.get_threshold() == COLLECT_BY_DEFAULT:
        gc.set_threshold(*COLLECT_AFTER)
