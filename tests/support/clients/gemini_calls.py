"""Calls on Gemini's routes and on a route of the configuration's own, as their users make them with plain HTTP."""

from functools import partial
from typing import Any

from tests.support.clients.connections import Connections

HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def generate(to: Connections, *, path: str) -> Any:
    """Ask for content, plain and as events."""
    plain = to.http.post(f"{path}:generateContent", json=HELLO).raise_for_status().json()
    with to.http.stream("POST", f"{path}:streamGenerateContent", params={"alt": "sse"}, json=HELLO) as answer:
        answer.raise_for_status()
        return [plain, [line for line in answer.iter_lines() if line]]


def own_route(to: Connections) -> Any:
    """Ask on a route that the configuration passes through, plain, as events, and with an upload."""
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
    plain = to.http.post("/provider/v1/chat/completions", json=chat).raise_for_status().json()
    upload = to.http.post("/provider/v1/files", files={"file": ("a.jsonl", b"x" * 1000)}).raise_for_status().json()
    with to.http.stream("POST", "/provider/v1/chat/completions", json=chat | {"stream": True}) as answer:
        answer.raise_for_status()
        return [plain, upload, [line for line in answer.iter_lines() if line]]


CALLS = {
    "gemini": partial(generate, path="/v1beta/models/gemini"),
    "gemini, passed through": partial(generate, path="/gemini/v1beta/models/gemini-2.5-flash"),
    "a route of the configuration": own_route,
}
