"""A line of the log for each request."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from routeiq_gateway.configuration.harmless import shown_path, shown_query
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.worker.replies import Application, Message, Receive, Scope, Send


@dataclass(frozen=True)
class AccessLog:
    """An ASGI callable around an application, which logs what the application answers.

    Attributes:
        clock: monotonic seconds.
    """

    inner: Application
    log: Log
    clock: Callable[[], float] = time.monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol, and log it once it has ended."""
        if scope["type"] not in {"http", "websocket"}:
            await self.inner(scope, receive, send)
            return
        started = self.clock()
        status: int | None = None

        async def watching(message: Message) -> None:
            nonlocal status
            match message["type"]:
                case "http.response.start" | "websocket.http.response.start":
                    status = message["status"]
                case "websocket.accept":
                    status = 101
                case "websocket.close" if status is None:
                    status = 403
            await send(message)

        try:
            await self.inner(scope, receive, watching)
        finally:
            client = scope.get("client")
            self.log.info(
                "request",
                method=scope.get("method", "WEBSOCKET"),
                path=_path(scope),
                status=status,  # null: the client was gone before the answer, or the application failed
                seconds=round(self.clock() - started, 6),
                client=client[0] if client else None,
            )


def _path(scope: Scope) -> str:
    """Return the path and the query as the client wrote them, but for what does not read as a name."""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{shown_path(path)}?{shown_query(query)}" if query else shown_path(path)
