"""A small upstream on loopback that speaks as OpenAI and as Anthropic do. ``python -m bench.upstream PORT``.

It answers at once, as the model that was asked for, with the first part of the path as the text, so that an answer
tells which ``api_base``, and so which configuration, the request went through. A stream comes piece by piece.
"""

import asyncio
import json
import re
import sys
from functools import cache
from typing import cast

import uvloop

from bench.shapes import PIECE_SECONDS, PIECES

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream": *true')
MODEL = re.compile(rb'"model": *"([^"]+)"')
MOST = 1 << 20


def answer(body: dict[str, object]) -> bytes:
    """Return the whole HTTP answer with ``body``."""
    text = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text)


@cache
def completion(marker: str, model: str) -> bytes:
    """Return the answer of ``model`` that carries ``marker``, as OpenAI writes it."""
    message = {"role": "assistant", "content": marker}
    return answer(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
        }
    )


@cache
def message(marker: str, model: str) -> bytes:
    """Return the answer of ``model`` that carries ``marker``, as Anthropic writes it."""
    return answer(
        {
            "id": "msg_bench",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": marker}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 12},
        }
    )


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(*events: tuple[str, dict[str, object] | str]) -> bytes:
    """Return events, each with its name, which may be empty, as a chunk of a stream."""
    text = ""
    for name, data in events:
        text += f"event: {name}\n" if name else ""
        text += f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
    return b"%x\r\n%b\r\n" % (len(text), text.encode())


@cache
def completion_pieces(marker: str, model: str) -> tuple[bytes, ...]:
    """Return the pieces of the stream that carries ``marker``, as OpenAI sends it."""

    def piece(delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        base = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": model}
        return chunk(("", {**base, "choices": [choice]}))

    first = HEAD + piece({"role": "assistant", "content": marker}, None)
    return (first, *[piece({"content": "more"}, None)] * (PIECES - 1), piece({}, "stop") + chunk(("", "[DONE]")) + END)


@cache
def message_pieces(marker: str, model: str) -> tuple[bytes, ...]:
    """Return the pieces of the stream that carries ``marker``, as Anthropic sends it."""

    def piece(text: str) -> tuple[str, dict[str, object]]:
        delta = {"type": "text_delta", "text": text}
        return "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}

    started: dict[str, object] = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    first = HEAD + chunk(
        ("message_start", {"type": "message_start", "message": started}), ("content_block_start", block), piece(marker)
    )
    last = chunk(
        ("content_block_stop", {"type": "content_block_stop", "index": 0}),
        ("message_delta", {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 12}}),
        ("message_stop", {"type": "message_stop"}),
    )
    return (first, *[chunk(piece("more"))] * (PIECES - 1), last + END)


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
            found = MODEL.search(self.buffer, end, whole)
            self._answer(
                self.buffer[:end].split(b" ", 2)[1].decode(),
                found.group(1).decode() if found else "none",
                stream=STREAM.search(self.buffer, end, whole) is not None,
            )
            self.buffer = self.buffer[whole:]

    def _answer(self, path: str, model: str, *, stream: bool) -> None:
        assert self.transport is not None
        marker, of_anthropic = path.split("/", 2)[1], path.endswith("/messages")
        if stream:
            self._send((message_pieces if of_anthropic else completion_pieces)(marker, model), 0)
        else:
            self.transport.write((message if of_anthropic else completion)(marker, model))

    def _send(self, pieces: tuple[bytes, ...], number: int) -> None:
        """Send the piece of that number, and the others after it, each in its time."""
        if self.transport is None or self.transport.is_closing() or number == len(pieces):
            return
        self.transport.write(pieces[number])
        asyncio.get_running_loop().call_later(PIECE_SECONDS, self._send, pieces, number + 1)


async def serve(port: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
