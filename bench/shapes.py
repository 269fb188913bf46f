"""The requests that the loads are made of, by name: what users send most."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

SHORT = "Say hello to the benchmark."
LONG = "The benchmark sends a prompt as long as a chapter of a book. " * 537
"""32 kB."""
PIECES = 50
"""Pieces of a stream; the upstream sends one piece every ``PIECE_SECONDS``."""
PIECE_SECONDS = 0.002


@dataclass(frozen=True)
class Shape:
    """One kind of request.

    Attributes:
        model: the name in the configuration.
        path: where the request goes.
        prompt: the user's text.
        stream: whether the answer is asked for piece by piece.
        rate: the least ratio of requests per second that is aimed at, with 16 connections.
    """

    model: str
    path: str = "/v1/chat/completions"
    prompt: str = SHORT
    stream: bool = False
    rate: float = 1.2

    @property
    def patience(self) -> float:
        """How many times as long as that of a short request a stretch of load has to be."""
        return 3.0 if self.stream else 1.0

    def body(self) -> str:
        """Return the request's body."""
        body: dict[str, object] = {"model": self.model, "messages": [{"role": "user", "content": self.prompt}]}
        if self.stream:
            body["stream"] = True
        if self.path == "/v1/messages":
            body["max_tokens"] = 64
        return json.dumps(body)

    def text(self, port: int, key: str) -> bytes:
        """Return the whole request to a server on ``port``, authorised by ``key``."""
        encoded = self.body()
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            f"Authorization: Bearer {key}",
            "Content-Type: application/json",
            f"Content-Length: {len(encoded)}",
        )
        return ("\r\n".join(lines) + "\r\n\r\n" + encoded).encode()


SHAPES: Mapping[str, Shape] = {
    "priced": Shape("priced"),
    "unpriced": Shape("unpriced", rate=1.5),
    "stream": Shape("priced", stream=True, rate=1.3),
    "32 kB prompt": Shape("priced", prompt=LONG),
    "stream of a 32 kB prompt": Shape("priced", prompt=LONG, stream=True),
    "messages": Shape("claude", path="/v1/messages"),
    "stream of messages": Shape("claude", path="/v1/messages", stream=True),
}
