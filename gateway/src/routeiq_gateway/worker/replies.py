"""The ASGI types, and the requests to and replies of the gateway's own routes."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
MOST_BODY = 64 * 1024
"""Bytes of the largest body that the gateway's own routes read."""


@dataclass(frozen=True)
class Reply:
    """A reply with a body in JSON."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request to one of the gateway's own routes.

    Attributes:
        headers: by names in lower case.
        malformed: it has a body that is not JSON.
        path: as it was asked for.
        query: without its question mark.
        body: as it was sent.
    """

    headers: Mapping[str, str]
    malformed: bool = False
    path: str = ""
    query: str = ""
    body: bytes = b""


Handler = Callable[[Call], Awaitable[Reply]]


def error_body(message: str) -> dict[str, Any]:
    """Return the body of a reply that refuses."""
    return {"error": {"message": message, "type": "routeiq_gateway"}}


async def send_reply(send: Send, reply: Reply) -> None:
    """Send ``reply`` as the whole response to an HTTP request."""
    text = json.dumps(reply.body).encode() + b"\n"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def serve_route(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    """Read an HTTP request whole and send what ``handler`` replies, or 413 where the body is too large."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    text = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        text += message.get("body", b"")
        if len(text) > MOST_BODY:
            await send_reply(send, Reply(413, error_body(f"the body is larger than {MOST_BODY} bytes")))
            return
        if not message.get("more_body"):
            break
    query = scope.get("query_string", b"").decode("latin-1")
    call = Call(headers, _malformed(text), scope.get("path", ""), query, text)
    await send_reply(send, await handler(call))


def _malformed(text: bytes) -> bool:
    try:
        json.loads(text.strip() or b"null")
    except (ValueError, RecursionError):
        return True
    return False
