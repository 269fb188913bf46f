"""The load generator, a process of its own: ``python -m bench.load PORT CONNECTIONS SECONDS SHAPE``.

Each connection sends a request, waits for the answer, and sends the next, on keep-alive where the server allows it.
The master key comes in ``LITELLM_MASTER_KEY``. SIGTERM ends the run early. One line of JSON comes out: for each
request when it ended (monotonic), how long it took, the answer's marker, or null where it was lost, and after how long
the first byte of the answer's body came. SHAPE is of `bench.shapes`.
"""

import asyncio
import json
import os
import re
import signal
import sys
import time

import uvloop

from bench.shapes import PIECES, SHAPES, Shape

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
MARKER = re.compile(rb'"(?:content|text)": ?"(one|two)"')
PIECE = re.compile(rb'"(?:content|text)": ?"(?:one|two|more)"')
LAST_CHUNK = b"\r\n0\r\n\r\n"
PAUSE = 0.1
"""Seconds that a connection waits after a lost request, as a client that retries would."""
ANSWER_SECONDS = 30.0

Sample = tuple[float, float, str | None, float]


class LostError(Exception):
    """No whole answer with status 200 came back."""


class Client:
    """One connection's worth of load."""

    def __init__(self, port: int, request: bytes, shape: Shape, ending: asyncio.Event) -> None:
        self.port = port
        self.request = request
        self.shape = shape
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
                    marker, first = await self._ask()
            except (LostError, OSError, EOFError, TimeoutError):
                self._close()
                self.samples.append((time.monotonic(), time.monotonic() - started, None, 0.0))
                await asyncio.sleep(PAUSE)
                continue
            ended = time.monotonic()
            self.samples.append((ended, ended - started, marker, first - started))
        self._close()

    async def _ask(self) -> tuple[str, float]:
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(self.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise LostError(head.split(b"\r\n", 1)[0].decode())
        found = LENGTH.search(head)
        if (found is None) is not self.shape.stream:
            raise LostError("a stream has no length, and any other answer has one")
        body = await self.reader.readuntil(b"\n") if found is None else await self.reader.readexactly(1)
        first = time.monotonic()
        if found is None:
            body += await self.reader.readuntil(LAST_CHUNK)
        else:
            body += await self.reader.readexactly(int(found.group(1)) - 1)
        if b"connection: close" in head.lower():
            self._close()
        marker = MARKER.search(body)
        if marker is None or (self.shape.stream and len(PIECE.findall(body)) != PIECES):
            raise LostError("the answer is not the upstream's")
        return marker.group(1).decode(), first

    def _close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def load(port: int, connections: int, seconds: float, shape: Shape, key: str) -> list[Sample]:
    """Run the load and return its samples."""
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    request = shape.text(port, key)
    clients = [Client(port, request, shape, ending) for _ in range(connections)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(client.run(until) for client in clients))
    return [sample for client in clients for sample in client.samples]


def main() -> None:
    """Run the load that the command line asks for."""
    port, connections, seconds, shape = sys.argv[1:]
    key = os.environ["LITELLM_MASTER_KEY"]
    samples = uvloop.run(load(int(port), int(connections), float(seconds), SHAPES[shape], key))
    sys.stdout.write(json.dumps(samples))


if __name__ == "__main__":
    main()
