"""One HTTP/1.1 connection: uvicorn's protocol, which knows when it can leave its worker and closes without loss.

An idle connection is closed only when nothing waits unread on its socket: a request that arrived in the same turn of
the loop is read first, and answered.

A client has its time: the keep-alive time to begin a request, and the time to receive to complete the head, and between
two parts of a body. One that is too slow is answered 408. While the worker has not read what came, or the client waits
for ``100 Continue``, it is not the client who is slow.
"""

import asyncio
import json
import select
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.worker.connections.crowd import Crowd
from routeiq_gateway.worker.connections.gathering import Gathering
from routeiq_gateway.worker.connections.lingering import Lingering

FOLLOWED = "routeiq.followed"
"""The extension of ASGI by which a connection says whether the client has sent more after the request."""
LOOK_AGAIN = 1.0


class Connection(HttpToolsProtocol):
    """A client's connection.

    Args:
        lingering: takes the connection when it is closed.
        crowd: takes the connection while it waits for a request.
        receive: seconds for a head to come whole, and between two parts of a body.
        more: what uvicorn's protocol takes.
    """

    def __init__(self, lingering: Lingering, crowd: Crowd, receive: float, **more: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**more)
        self._lingering = lingering
        self._crowd = crowd
        self._receive = receive
        self._in_message = False
        self._in_head = False
        self._left = False
        self._begin_by = 0.0
        self._head_by = 0.0
        self._body_by = 0.0

    @property
    def idle(self) -> bool:
        """Whether no request is under way: none is being answered, and none that is whole waits for its turn."""
        # uvicorn's type leaves out that there is no request at first.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and wait for the first request no longer than for any other."""
        super().connection_made(Gathering(transport, self.loop))  # type: ignore[arg-type]  # as uvicorn narrows it
        self._wait(used=False)

    def data_received(self, data: bytes) -> None:
        """Read on. Half a head does not stretch the time in which it has to come whole."""
        super().data_received(data)
        if self in self.connections and not self.transport.is_closing():  # a WebSocket has left them
            self._watch()

    def eof_received(self) -> None:
        """Note that the client has closed."""
        self._left = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close in two steps where it is the worker that closes."""
        if exc is None and not self._left:
            self._lingering.add(self._descriptor())
        self._crowd.leave(self)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def on_message_begin(self) -> None:
        """Begin a request, which can tell the application whether more has come behind it."""
        super().on_message_begin()
        self._in_message = self._in_head = True
        self._head_by = self.loop.time() + self._receive
        if cast("object | None", self.cycle) is None:  # uvicorn's type leaves None out
            self._head_by = min(self._head_by, self._begin_by)
        self.scope["extensions"] = {FOLLOWED: {"ask": self.followed}}

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._in_head = False
        self._crowd.leave(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request: what comes next is another."""
        super().on_message_complete()
        self._in_message = False

    def on_response_complete(self) -> None:
        """Wait for the next request, unless it has come already."""
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.idle:
            self._wait(used=True)
        else:
            self._watch()

    def followed(self) -> bool:
        """Whether the client has sent another request behind the one that is answered."""
        if self.pipeline:
            return True
        if self._in_message:  # of this request, whose body still comes, or of the next
            return not self.cycle.more_body
        return self._unread()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, whose client has had its time."""
        if self.transport.is_closing():
            return
        if self._unread():
            self._wait_until(self.loop.time() + LOOK_AGAIN)  # it is the worker that was slow
        elif self.idle and not self._in_head:
            self.close_idle()
        elif self.idle or self._may_be_blamed():
            self._turn_away()

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

    def give_way(self) -> bool:
        """Close at once, for another connection, unless something waits unread or unsent; return whether that was done.

        Where no descriptor is to be had, closing in two steps would take one more.
        """
        if self.transport.is_closing() or self.transport.get_write_buffer_size() or self._unread():
            return False
        self._left = True
        self.transport.abort()
        return True

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

    def _wait(self, *, used: bool) -> None:
        """Wait for a request."""
        self._crowd.wait(self, used=used)
        self._begin_by = self.loop.time() + self.timeout_keep_alive
        self._watch()

    def _watch(self) -> None:
        """Give the client its time for what comes next; none where the client has sent all that it has to."""
        if self.idle:
            self._wait_until(self._head_by if self._in_head else self._begin_by)
        elif self._in_message and not self._in_head:
            self._body_by = self.loop.time() + self._receive
            self._wait_until(self._body_by)

    def _may_be_blamed(self) -> bool:
        """Whether the rest of a body has not come in its time; look again where it still may.

        The time begins anew as long as the worker does not read, or has not asked for the body.
        """
        now = self.loop.time()
        if not self.cycle.more_body:
            return False
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._body_by = now + self._receive
            self._wait_until(now + min(LOOK_AGAIN, self._receive / 4))
            return False
        if now < self._body_by:
            self._wait_until(self._body_by)
            return False
        return True

    def _turn_away(self) -> None:
        """Tell the client that the request did not come in time, where nothing was answered yet, and close."""
        if self.idle or not self.cycle.response_started:
            message = (
                f"the request did not come whole within {self._receive:g} s (ROUTEIQ_RECEIVE_SECONDS); send it again"
            )
            text = json.dumps({"error": {"message": message, "type": "routeiq_gateway"}}).encode()
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%s" % (len(text), text)
            )
        self.transport.close()

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
