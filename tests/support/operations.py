"""Every operation of LiteLLM's OpenAPI, asked of stock and of the gateway: status, header names and shape of the body.

What differs on purpose stands in :data:`MEANT`, with its reason. Any other difference fails.
"""

import contextlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from tests.support.gateway import MASTER_KEY, Gateway
from tests.support.stock import Stock

METHODS = ("get", "post", "put", "patch", "delete")
BODIES = ("POST", "PUT", "PATCH")
PATIENCE = 30
TRIES = 5
ENDLESS = {"/mcp", "/mcp/proxy"}
"""Streams that begin with their first event; real clients speak to them in another test."""
CHANGING_SHAPES = {"/debug/asyncio-tasks", "/spend/logs", "/cloudzero/dry-run"}
"""They show which tasks run just now, which request was logged first, and what spend was summed up so far."""
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Pair:
    """Stock LiteLLM and the gateway, on one configuration."""

    stock: Stock
    ours: Gateway

    @property
    def bases(self) -> tuple[str, str]:
        """The URLs of stock's root and of the gateway's."""
        return self.stock.base, f"http://127.0.0.1:{self.ours.port}"


KEYS = {"no key": "", "wrong key": "sk-wrong", "master key": MASTER_KEY}


@dataclass(frozen=True)
class Answer:
    """What is compared of an answer."""

    status: int
    headers: frozenset[str]
    shape: Any


def meant(stock: Answer, ours: Answer) -> str:
    """Return why a difference is meant, an empty text where it is not."""
    unknown_key = (
        (stock.status, ours.status) == (400, 401) and stock.headers == ours.headers and stock.shape == ours.shape
    )
    if unknown_key:
        return "without a database the only key is the master key, so a key that LiteLLM cannot look up is a wrong key"
    return ""


def shape_of(value: Any) -> Any:
    """Return the types of a JSON document in place of its values; of a list those of its first entry.

    A key that is an identifier made anew on each side is as good as any other.
    """
    match value:
        case dict():
            return {IDENTIFIER.sub("an identifier", name): shape_of(below) for name, below in value.items()}
        case list():
            return [shape_of(below) for below in value[:1]]
        case _:
            return type(value).__name__


def ask(client: httpx.Client, method: str, path: str, key: str) -> Answer:
    """Ask for one operation; the body of an event stream is not waited for."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body: dict[str, Any] | None = {} if method in BODIES else None
    with client.stream(method, path, headers=headers, json=body) as response:
        names = frozenset(response.headers) - {"date"}
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return Answer(response.status_code, names, "events")
        text = response.read()
    try:
        shape = shape_of(json.loads(text))
    except ValueError:
        shape = "text"
    return Answer(response.status_code, names, None if path in CHANGING_SHAPES else shape)


def answer_of(client: httpx.Client, method: str, path: str, key: str) -> Answer:
    """Ask, again where the connection is closed: after an error both sides close it with the body unread."""
    for _ in range(TRIES):
        with contextlib.suppress(httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError):
            return ask(client, method, path, key)
    return Answer(0, frozenset(), "no answer")


def operations(base: str) -> list[tuple[str, str]]:
    """Return method and path of every operation, each parameter of a path filled in."""
    document = httpx.get(f"{base}/openapi.json", timeout=60).json()
    return [
        (method.upper(), re.sub(r"\{[^}]*\}", "x", path))
        for path, methods in document["paths"].items()
        for method in methods
        if method in METHODS and path not in ENDLESS
    ]


def compare(clients: tuple[httpx.Client, httpx.Client], key: str, operation: tuple[str, str]) -> str:
    """Return what differs between the two sides at one operation, an empty text where nothing does."""
    stock, ours = (answer_of(client, *operation, key) for client in clients)
    return "" if stock == ours or meant(stock, ours) else f"{operation}: stock {stock}, ours {ours}"


def differences(pair: Pair, key: str, *, askers: int) -> list[str]:
    """Ask both sides for every operation, ``askers`` at a time; return what differs."""
    with (
        httpx.Client(base_url=pair.bases[0], timeout=PATIENCE) as stock,
        httpx.Client(base_url=pair.bases[1], timeout=PATIENCE) as ours,
        ThreadPoolExecutor(askers) as asking,
    ):
        found = asking.map(partial(compare, (stock, ours), key), operations(pair.bases[0]))
        return [text for text in found if text]
