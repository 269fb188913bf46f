"""The front: an ASGI callable around LiteLLM's application.

It adds the gateway's own routes, watches LiteLLM's start, and marks every response of a draining worker
``Connection: close``, so that clients come back on a connection that a newer worker accepts. A request that the client
has sent behind another, without waiting, is answered first: after ``close`` it would be lost.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from uvicorn.protocols.http.flow_control import service_unavailable

from routeiq_gateway.litellm_edge.unauthorized import as_unauthorized
from routeiq_gateway.worker.connections.connection import FOLLOWED
from routeiq_gateway.worker.replies import Application, Handler, Message, Receive, Scope, Send, serve_route


@dataclass
class Front:
    """One worker's application.

    Attributes:
        inner: LiteLLM's application, or the placeholder.
        after_start: runs once LiteLLM has started; raises :class:`.StartRefusedError` to refuse the start.
        routes: the handlers of the gateway's own routes, by method and path; ``*`` stands for a path's last part.
        root_paths: paths below which all that is served is served too, longest first.
        only_master_key: there is no database of keys, so a key that LiteLLM cannot look up is a wrong key.
        overloaded: whether another request is too many for LiteLLM; the gateway's own routes are answered still.
        draining: whether responses close their connections.
        requests: how many requests came so far; at the request ``recycle_at``, ``recycle`` is called.
        failure: the exception that ended the start, or the stop.
    """

    inner: Application
    after_start: Callable[[], Awaitable[None]]
    routes: dict[tuple[str, str], Handler] = field(default_factory=dict)
    root_paths: tuple[str, ...] = ()
    only_master_key: bool = False
    overloaded: Callable[[], bool] = lambda: False
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
        send = self._closing(send, scope.get("extensions", {}).get(FOLLOWED, {}).get("ask", _alone))
        if scope["type"] == "http":
            head = scope["method"] == "HEAD"
            method, path = "GET" if head else scope["method"], self._path(scope["path"])
            handler = self.routes.get((method, path)) or self.routes.get((method, f"{path.rpartition('/')[0]}/*"))
            if handler is not None:
                await serve_route(handler, scope, receive, _without_body(send) if head else send)
                return
            if self.overloaded():
                await service_unavailable(scope, receive, send)  # type: ignore[arg-type]  # uvicorn's own ASGI types
                return
            if self.only_master_key:
                send = as_unauthorized(send)
        await self.inner(scope, receive, send)

    def _path(self, path: str) -> str:
        """Return ``path`` without a root path in front, as LiteLLM's application takes it."""
        root = next((root for root in self.root_paths if path.startswith(f"{root}/")), "")
        return path[len(root) :]

    def _closing(self, send: Send, followed: Callable[[], bool]) -> Send:
        """Mark responses that start while the worker drains: the drain may begin while a request is under way."""

        async def closing(message: Message) -> None:
            if self.draining and message["type"] == "http.response.start" and not followed():
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


def _alone() -> bool:
    """Say that no request follows, as on a connection of HTTP without a connection."""
    return False


def _without_body(send: Send) -> Send:
    """Return ``send`` for the response to a HEAD: its headers are those of a GET (RFC 9110, 9.3.2)."""

    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending
