"""One HTTP/1.1 connection: uvicorn's protocol, which knows when it can leave its worker and closes without loss.

An idle connection is closed only when nothing waits unread on its socket: a request that arrived in the same turn of
the loop is read first, and answered.
"""

import asyncio
import select
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from routeiq_gateway.ipc.passed import Passed
from routeiq_gateway.worker.connections.gathering import Gathering
from routeiq_gateway.worker.connections.lingering import Lingering

FOLLOWED = "routeiq.followed"
"""The extension of ASGI by which a connection says whether the client has sent more after the request."""
LOOK_AGAIN = 1.0


class Connection(HttpToolsProtocol):
    """A client's connection.

    Args:
        lingering: takes the connection when it is closed.
        more: what uvicorn's protocol takes.
    """

    def __init__(self, lingering: Lingering, **more: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**more)
        self._lingering = lingering
        self._in_message = False
        self._left = False
        self._first_by = 0.0

    @property
    def idle(self) -> bool:
        """Whether no request is under way: none is being answered, and none that is whole waits for its turn."""
        # uvicorn's type leaves out that there is no request at first.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and wait for the first request no longer than for any other."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]  # as uvicorn narrows it
        self._first_by = self.loop.time() + self.timeout_keep_alive
        self._wait_until(self._first_by)

    def data_received(self, data: bytes) -> None:
        """Read on. Half a head does not stretch the time in which the first request has to come."""
        super().data_received(data)
        unused = cast("object | None", self.cycle) is None  # uvicorn's type leaves None out
        if unused and self in self.connections:  # a WebSocket has left them
            self._wait_until(self._first_by)

    def eof_received(self) -> None:
        """Note that the client has closed."""
        self._left = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close in two steps where it is the worker that closes."""
        if exc is None and not self._left:
            self._lingering.add(self._descriptor())
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request, which can tell the application whether more has come behind it."""
        super().on_message_begin()
        self._in_message = True
        self.scope["extensions"] = {FOLLOWED: {"ask": self.followed}}

    def on_message_complete(self) -> None:
        """End a request: what comes next is another."""
        super().on_message_complete()
        self._in_message = False

    def followed(self) -> bool:
        """Whether the client has sent another request behind the one that is answered."""
        if self.pipeline:
            return True
        if self._in_message:  # of this request, whose body still comes, or of the next
            return not self.cycle.more_body
        return self._unread()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, which has been idle for its time."""
        self.close_idle()

    def shutdown(self) -> None:
        """Let a request under way be the last; close an idle connection."""
        if self.idle:
            self.close_idle()
        else:
            super().shutdown()

    def close_idle(self) -> None:
        """Close the connection, unless the client has sent something that waits to be read."""
        if self.transport.is_closing():
            return
        if self._unread():
            self._wait_until(self.loop.time() + LOOK_AGAIN)
        else:
            self.transport.close()

    def pass_on(self, passed: Passed) -> None:
        """Leave an idle connection to another worker, with what waits unread on it.

        It stays where a request has begun, where part of a response is unsent, and where it speaks TLS, whose keys
        are this process's alone.
        """
        unsent = self.transport.get_write_buffer_size()
        if not self.idle or self._in_message or unsent or self.scheme != "http" or self.transport.is_closing():
            return
        self.transport.pause_reading()
        if passed.put(self._descriptor()):
            self._left = True
            self._unset_keepalive_if_required()
            self.transport.abort()
        else:
            self.transport.resume_reading()

    def _wait_until(self, instant: float) -> None:
        """Look at ``instant`` of the loop's clock whether the connection is to be closed."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_at(instant, self.timeout_keep_alive_handler)

    def _descriptor(self) -> int:
        """Return the file descriptor of the socket, -1 where there is none any more."""
        connected = self.transport.get_extra_info("socket")
        return -1 if connected is None else int(connected.fileno())

    def _unread(self) -> bool:
        """Whether bytes, or the client's end, wait to be read."""
        descriptor = self._descriptor()
        if descriptor < 0:
            return False
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(0))
