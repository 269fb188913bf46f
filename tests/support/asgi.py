"""Asking an ASGI application in this process, and an application to wrap."""

import asyncio
import json
from typing import Any

import httpx


def ask(front: Any, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
    """Send one request through an ASGI application."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(front)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            return await client.request(method, path, content=body)

    return asyncio.run(asking())


async def inner(scope: Any, _receive: Any, send: Any) -> None:
    """Answer every request in LiteLLM's place."""
    body = json.dumps({"error": {"type": scope["path"].removeprefix("/")}}).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"keep-alive")]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})
