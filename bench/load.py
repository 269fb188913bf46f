"""The load generator, a process of its own: ``python -m bench.load PORT CONNECTIONS SECONDS MODEL``.

Each connection sends a request, waits for the answer, and sends the next, on keep-alive where the server allows it.
The master key comes in ``LITELLM_MASTER_KEY``. SIGTERM ends the run early. One line of JSON comes out: for each
request when it ended (monotonic), how long it took, and the answer's marker, or null where it was lost.
"""

import asyncio
import json
import os
import re
import signal
import sys
import time

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MARKERS = (b"one", b"two")
PAUSE = 0.1
"""Seconds that a connection waits after a lost request, as a client that retries would."""
ANSWER_SECONDS = 30.0

Sample = tuple[float, float, str | None]


class LostError(Exception):
    """No whole answer with status 200 came back."""


class Client:
    """One connection's worth of load."""

    def __init__(self, port: int, request: bytes, ending: asyncio.Event) -> None:
        self.port = port
        self.request = request
        self.ending = ending
        self.samples: list[Sample] = []
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def run(self, until: float) -> None:
        """Send requests one after the other until the time is over."""
        while not self.ending.is_set() and time.monotonic() < until:
            started = time.monotonic()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    marker = await self._ask()
            except (LostError, OSError, EOFError, TimeoutError):
                self._close()
                self.samples.append((time.monotonic(), time.monotonic() - started, None))
                await asyncio.sleep(PAUSE)
                continue
            ended = time.monotonic()
            self.samples.append((ended, ended - started, marker))
        self._close()

    async def _ask(self) -> str:
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        if found is None:
            raise LostError("the answer has no length")
        body = await self.reader.readexactly(int(found.group(1)))
        if b"connection: close" in head.lower():
            self._close()
        if not head.startswith(b"HTTP/1.1 200"):
            raise LostError(head.split(b"\r\n", 1)[0].decode())
        for marker in MARKERS:
            if b'"content":"%b"' % marker in body:
                return marker.decode()
        raise LostError("the answer is not the upstream's")

    def _close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


def request_text(port: int, model: str, key: str) -> bytes:
    """Return the request that every connection repeats."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello to the benchmark."}]})
    lines = (
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def load(port: int, connections: int, seconds: float, model: str, key: str) -> list[Sample]:
    """Run the load and return its samples."""
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    request = request_text(port, model, key)
    clients = [Client(port, request, ending) for _ in range(connections)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(client.run(until) for client in clients))
    return [sample for client in clients for sample in client.samples]


def main() -> None:
    """Run the load that the command line asks for."""
    port, connections, seconds, model = sys.argv[1:]
    samples = uvloop.run(load(int(port), int(connections), float(seconds), model, os.environ["LITELLM_MASTER_KEY"]))
    sys.stdout.write(json.dumps(samples))


if __name__ == "__main__":
    main()
