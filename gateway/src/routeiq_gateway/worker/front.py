"""The front: an ASGI callable around LiteLLM's application.

It adds the gateway's own routes, watches LiteLLM's start, and marks every response of a draining worker
``Connection: close``, so that clients come back on a connection that a newer worker accepts.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from routeiq_gateway.litellm_edge.unauthorized import as_unauthorized
from routeiq_gateway.worker.replies import Application, Handler, Message, Receive, Scope, Send, serve_route


class StartRefusedError(Exception):
    """LiteLLM cannot start on the configuration, or does not hold what it declares; the message is the reason.

    Attributes:
        passing: something outside is away, and the configuration is not to blame.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


@dataclass
class Front:
    """One worker's application.

    Attributes:
        inner: LiteLLM's application, or the placeholder.
        after_start: runs once LiteLLM has started; raises :class:`StartRefusedError` to refuse the start.
        routes: the handlers of the gateway's own routes, by method and path.
        only_master_key: there is no database of keys, so a key that LiteLLM cannot look up is a wrong key.
        draining: whether responses close their connections.
        requests: how many requests came so far; at the request ``recycle_at``, ``recycle`` is called.
        failure: the exception that ended the start, or the stop.
    """

    inner: Application
    after_start: Callable[[], Awaitable[None]]
    routes: dict[tuple[str, str], Handler] = field(default_factory=dict)
    only_master_key: bool = False
    draining: bool = False
    requests: int = 0
    recycle_at: int | None = None
    recycle: Callable[[], None] = lambda: None
    failure: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol (https://asgi.readthedocs.io/en/latest/specs/main.html)."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        self.requests += 1
        if self.requests == self.recycle_at:
            self.recycle()
        send = self._closing(send)
        if scope["type"] == "http":
            head = scope["method"] == "HEAD"
            handler = self.routes.get(("GET" if head else scope["method"], scope["path"]))
            if handler is not None:
                await serve_route(handler, scope, receive, _without_body(send) if head else send)
                return
            if self.only_master_key:
                send = as_unauthorized(send)
        await self.inner(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        """Mark responses that start while the worker drains: the drain may begin while a request is under way."""

        async def closing(message: Message) -> None:
            if self.draining and message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
            await send(message)

        return closing

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass LiteLLM's start and stop on; the message of a failure is cut, since it may quote the configuration."""
        phase = "startup"

        async def watching(message: Message) -> None:
            nonlocal phase
            if message["type"] == "lifespan.startup.complete":
                await self.after_start()
                phase = "shutdown"
            # Starlette puts the traceback into the message of a failure, and uvicorn logs it.
            await send({**message, "message": ""} if message["type"].endswith(".failed") else message)

        try:
            await self.inner(scope, receive, watching)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any exception that ends the start is the reason to report
            self.failure = error
            await send({"type": f"lifespan.{phase}.failed", "message": ""})


def _without_body(send: Send) -> Send:
    """Return ``send`` for the response to a HEAD: its headers are those of a GET (RFC 9110, 9.3.2)."""

    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending
