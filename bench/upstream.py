"""A small OpenAI-compatible upstream on loopback. ``python -m bench.upstream PORT``.

It answers every chat completion at once, as the model that was asked for, with the first part of the path as the text,
so that an answer tells which ``api_base``, and so which configuration, the request went through.
"""

import asyncio
import json
import re
import sys
from functools import cache
from typing import cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MODEL = re.compile(rb'"model": *"([^"]+)"')
MOST = 1 << 20


@cache
def reply(marker: bytes, model: bytes) -> bytes:
    """Return the whole HTTP answer of ``model`` that carries ``marker``."""
    body = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model.decode(),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": marker.decode()},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
        }
    ).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


class Upstream(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self) -> None:
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports share no base with asyncio's

    def data_received(self, data: bytes) -> None:
        """Answer each request as soon as it is whole."""
        assert self.transport is not None
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.buffer, 0, end)
            whole = end + 4 + (int(found.group(1)) if found else 0)
            if whole > MOST:
                self.transport.abort()
                return
            if len(self.buffer) < whole:
                return
            model = MODEL.search(self.buffer, end, whole)
            self.transport.write(reply(self.buffer.split(b"/", 2)[1], model.group(1) if model else b"none"))
            self.buffer = self.buffer[whole:]


async def serve(port: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
