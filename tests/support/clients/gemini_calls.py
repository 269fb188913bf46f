"""Calls on Gemini's routes and on a route of the configuration's own, as their users make them with plain HTTP."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.support.clients.connections import Connections
from tests.support.gateway import MASTER_KEY

HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def generate(to: Connections, *, path: str) -> Any:
    """Ask for content, plain and as events, with the key where Gemini's clients put it."""
    key = {"x-goog-api-key": MASTER_KEY}
    plain = to.http.post(f"{path}:generateContent", json=HELLO, headers=key).raise_for_status().json()
    with to.http.stream("POST", f"{path}:streamGenerateContent?alt=sse", json=HELLO, headers=key) as answer:
        answer.raise_for_status()
        return [plain, [line for line in answer.iter_lines() if line]]


def own_route(to: Connections) -> Any:
    """Ask on a route that the configuration passes through, plain, as events, and with an upload."""
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    plain = to.http.post("/provider/v1/chat/completions", json=chat).raise_for_status().json()
    sound = {"file": ("a.mp3", b"ID3" + bytes(1000))}
    upload = to.http.post("/provider/v1/audio/transcriptions", files=sound).raise_for_status().json()
    with to.http.stream("POST", "/provider/v1/chat/completions", json=chat | {"stream": True}) as answer:
        answer.raise_for_status()
        return [plain, upload, [line for line in answer.iter_lines() if line]]


CALLS: dict[str, Callable[[Connections], Any]] = {
    "gemini": partial(generate, path="/v1beta/models/gemini"),
    "gemini, passed through": partial(generate, path="/gemini/v1beta/models/gemini-2.5-flash"),
    "a route of the configuration": own_route,
}
