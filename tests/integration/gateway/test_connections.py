"""Connections that are open while the gateway reloads, over real processes."""

import asyncio
import json
import random
import socket
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.gateway import CHAT, MASTER_KEY, Gateway, config_with, gateway
from tests.support.waiting import wait_for

CONNECTIONS = 150
REQUESTS = 10_000
RELOADS = 10
ANSWER_SECONDS = 30
RACE_SECONDS = 60
LONGEST_PAUSE = 0.4
LIVE = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"


@dataclass
class Race:
    """Clients that send one request after the other, each on a connection of its own, while the gateway reloads.

    Attributes:
        sent: requests sent on a connection that the server had not closed.
        lost: what became of those that were not answered.
        opened: how many connections were opened.
        reloaded: the reloads are over.
    """

    port: int
    sent: int = 0
    lost: list[str] = field(default_factory=list)
    opened: int = 0
    reloaded: bool = False

    async def run(self, reload: asyncio.Future[None]) -> None:
        """Send until the reloads are over and enough was sent."""
        clients = [asyncio.create_task(self._client()) for _ in range(CONNECTIONS)]
        await reload
        self.reloaded = True
        async with asyncio.timeout(RACE_SECONDS):
            await asyncio.gather(*clients)

    async def _client(self) -> None:
        loop = asyncio.get_running_loop()
        end: socket.socket | None = None
        while self.sent < REQUESTS or not self.reloaded:
            if end is None:
                end = socket.create_connection(("127.0.0.1", self.port))
                end.setblocking(False)
                self.opened += 1
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311 - the spread is the test
            if closed(end):
                end.close()
                end = None
                continue
            self.sent += 1
            answer = b""
            try:
                end.send(LIVE)
                async with asyncio.timeout(ANSWER_SECONDS):
                    while not answer.endswith(b"}\n") and (data := await loop.sock_recv(end, 65536)):
                        answer += data
            except OSError as error:
                self.lost.append(repr(error))
            if not answer.startswith(b"HTTP/1.1 200"):
                self.lost.append(repr(answer[:80]))
            if b"connection: close" in answer or not answer:
                end.close()
                end = None
        if end is not None:
            end.close()


def closed(end: socket.socket) -> bool:
    """Whether the server has closed the connection, as far as the client can know."""
    try:
        return not end.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_no_request_is_lost_on_connections_that_are_idle_when_a_reload_comes(tmp_path: Path) -> None:
    """10,000 requests on 150 connections, sent in the very moments of reloads, are all answered."""
    with gateway(tmp_path) as served:
        served.volume.put(config_with("first"))
        served.wait_ready()

        def reload() -> None:
            for turn in range(RELOADS):
                served.wait_serving(served.volume.put(config_with(f"turn {turn}")))

        async def claim() -> Race:
            race = Race(served.port)
            await race.run(asyncio.get_running_loop().run_in_executor(None, reload))
            return race

        race = asyncio.run(claim())
        assert race.lost == []
        assert race.sent >= REQUESTS


def test_idle_connections_outlive_the_workers_that_accepted_them(tmp_path: Path) -> None:
    """After three reloads no worker is kept by idle connections, and each of them still answers, from the newest."""
    with gateway(tmp_path) as served:
        served.volume.put(config_with("first"))
        served.wait_ready()
        ends = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(CONNECTIONS)]
        for end in ends[::2]:
            assert ask(end, "first")
        for turn in ("second", "third", "fourth"):
            served.wait_serving(served.volume.put(config_with(turn)))
        wait_for("the old workers to end", lambda: only_ready(served))
        for end in ends:
            assert ask(end, "fourth")
            end.close()


def only_ready(served: Gateway) -> bool:
    """Whether no worker drains."""
    return {worker["state"] for worker in served.volume.answer()["workers"]} == {"ready"}


def ask(end: socket.socket, answer: str) -> bool:
    """Ask for a completion on an open connection; return whether it is ``answer``."""
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
    end.settimeout(ANSWER_SECONDS)
    end.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    got = b""
    while not got.endswith(b"}"):
        data = end.recv(65536)
        assert data, got
        got += data
    return got.startswith(b"HTTP/1.1 200") and answer.encode() in got
