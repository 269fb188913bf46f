"""A provider to stand behind the gateway: a real HTTP server that speaks OpenAI's chat format."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.processes import free_port


@dataclass
class Upstream:
    """Streams ``chunks`` pieces, ``pause`` seconds apart; answers after ``delay`` where no stream is asked for.

    ``requests`` counts completions, and ``keys`` are those that they came with, each when it came. While ``flowing`` is
    cleared nothing is sent, and nobody is told.
    """

    port: int
    chunks: int = 20
    pause: float = 0.25
    delay: float = 0
    requests: int = field(default=0)
    keys: list[str] = field(default_factory=list)
    flowing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.flowing.set()

    @property
    def base(self) -> str:
        """The ``api_base`` for a model of this provider."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line]
                fields = {name.lower(): value for name, value in lines}
                length = int(fields.get(b"content-length", b"0"))
                body = json.loads(await reader.readexactly(length)) if length else {}
                if b"/chat/completions" in head:
                    self.requests += 1
                    self.keys.append(fields.get(b"authorization", b"").decode().removeprefix("Bearer "))
                await (self._stream(writer) if body.get("stream") else self._answer(writer))
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.delay)  # the pace of the provider is the thing simulated
        await self._flow()
        text = json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": "upstream"}, "finish_reason": "stop"}
                ],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
        ).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
        writer.write(head.encode() + text)
        await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for number in range(self.chunks):
            delta = {"content": f"piece-{number} "}
            await self._event(writer, [{"index": 0, "delta": delta, "finish_reason": None}])
            await asyncio.sleep(self.pause)  # the pace of the provider is the thing simulated
        await self._event(writer, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
        done = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))
        await writer.drain()

    async def _flow(self) -> None:
        if not self.flowing.is_set():
            await asyncio.to_thread(self.flowing.wait)

    async def _event(self, writer: asyncio.StreamWriter, choices: list[dict[str, object]]) -> None:
        await self._flow()
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
        text = f"data: {json.dumps(chunk)}\n\n".encode()
        writer.write(b"%x\r\n%s\r\n" % (len(text), text))
        await writer.drain()


@contextlib.contextmanager
def upstream(*, chunks: int = 20, pause: float = 0.25, delay: float = 0) -> Iterator[Upstream]:
    """Run a provider in a thread of the test process."""
    provider = Upstream(free_port(), chunks, pause, delay)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(provider.serve, "127.0.0.1", provider.port))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
