"""The front: a pure ASGI callable around LiteLLM's application.

It adds the gateway's own routes, watches LiteLLM's start-up, and marks every response of a draining worker
``Connection: close``, so that clients come back on a connection that a newer worker accepts.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from routeiq_gateway.litellm_edge.unauthorized import as_unauthorized

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
MOST_BODY = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """An answer in JSON."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request to one of the gateway's own routes. ``malformed``: it has a body that is not JSON."""

    authorization: str | None
    malformed: bool = False


Handler = Callable[[Call], Awaitable[Reply]]


class StartRefusedError(Exception):
    """LiteLLM started and does not hold what the configuration declares."""


@dataclass
class Front:
    """One worker's application.

    Attributes:
        inner: LiteLLM's application, or one that says that no configuration is there yet.
        after_start: runs once LiteLLM has started; raises :class:`StartRefusedError` to refuse the start.
        routes: the gateway's own, by method and path.
        only_master_key: there is no database of keys, so a key that LiteLLM cannot look up is a wrong one.
        requests: how many came so far; at the count ``recycle_at``, ``recycle`` is called.
        failure: what stopped the start, once it has failed.
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
                await _answer(handler, scope, receive, _without_body(send) if head else send)
                return
            if self.only_master_key:
                send = as_unauthorized(send)
        await self.inner(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        """Mark what starts while the worker drains: the drain may begin while a request is under way."""

        async def closing(message: MutableMapping[str, Any]) -> None:
            if self.draining and message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
                message["headers"] = [*headers, (b"connection", b"close")]
            await send(message)

        return closing

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        failed = {"type": "lifespan.startup.failed", "message": ""}

        async def watching(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self.after_start()
            # Starlette puts the traceback into this message and uvicorn logs it: it may quote the configuration.
            await send(failed if message["type"] == "lifespan.startup.failed" else message)

        try:
            await self.inner(scope, receive, watching)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever ended the start is the reason to report
            self.failure = error
            await send(failed)


def bearer(key: str | None, call: Call) -> Reply | None:
    """Return None where ``call`` carries the master key, else the refusal."""
    if not key:
        return Reply(
            403, error_document("this route needs a master key; set LITELLM_MASTER_KEY and use it as bearer token")
        )
    given = (call.authorization or "").removeprefix("Bearer ").encode()
    if not secrets.compare_digest(given, key.encode()):
        return Reply(401, error_document("wrong or missing master key; send it as 'Authorization: Bearer <key>'"))
    return None


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand in for LiteLLM while there is no configuration: every request is told so (503)."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    await _reply(
        send,
        Reply(503, error_document("no configuration has been accepted yet; see /llmrouter/config/sync/status")),
    )


def error_document(message: str) -> dict[str, Any]:
    """Return the body of an answer that refuses."""
    return {"error": {"message": message, "type": "routeiq_gateway"}}


def _without_body(send: Send) -> Send:
    """Return ``send`` for the answer to a HEAD: the headers are those of a GET."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending


async def _answer(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
    authorization = headers.get(b"authorization")
    text = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        text += message.get("body", b"")
        if not message.get("more_body") or len(text) > MOST_BODY:
            break
    if len(text) > MOST_BODY:
        await _reply(send, Reply(413, error_document(f"the body is larger than {MOST_BODY} bytes")))
        return
    await _reply(
        send, await handler(Call(authorization.decode("latin-1") if authorization else None, _malformed(text)))
    )


def _malformed(text: bytes) -> bool:
    try:
        json.loads(text.strip() or b"null")
    except (ValueError, RecursionError):
        return True
    return False


async def _reply(send: Send, reply: Reply) -> None:
    text = json.dumps(reply.document).encode() + b"\n"
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(text)).encode()),
                (b"cache-control", b"no-store"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": text})
