"""A wrong key is 401.

Without a database the master key is the only key there is. LiteLLM answers any other key with 400
``no_db_connection``, which clients take for a malformed request; exactly that answer becomes a 401 here.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

SENTINEL = "no_db_connection"
LONGEST = 4096
"""Bytes of the longest body that is looked into."""
MESSAGE = "Authentication Error: this is not the master key, and without a database there is no other."
BODY = json.dumps({"error": {"message": MESSAGE, "type": "auth_error", "param": None, "code": "401"}}).encode()


def as_unauthorized(send: Send) -> Send:
    """Return ``send`` with LiteLLM's answer to an unknown key turned into a 401; other answers pass untouched."""
    held: list[Message] = []

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 400:  # noqa: PLR2004 - HTTP's own number
            held.append(message)
            return
        if not held:
            await send(message)
            return
        start = held.pop()
        if message.get("more_body") or not _no_database(message.get("body", b"")):
            await send(start)
            await send(message)
            return
        headers = [pair for pair in start.get("headers", ()) if pair[0].lower() != b"content-length"]
        length = (b"content-length", str(len(BODY)).encode())
        await send({**start, "status": 401, "headers": [*headers, length]})
        await send({**message, "body": BODY})

    return sending


def _no_database(body: bytes) -> bool:
    if len(body) > LONGEST or SENTINEL.encode() not in body:
        return False
    try:
        return bool(json.loads(body)["error"]["type"] == SENTINEL)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
