import asyncio
import json
from typing import Any

import httpx
import pytest

from routeiq_gateway.litellm_edge.unauthorized import as_unauthorized
from routeiq_gateway.worker.front import Call, Front, Reply, StartRefusedError, bearer, waiting


async def nothing() -> None:
    """Check nothing."""


def ask(front: Any, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
    """Send one request through an ASGI application."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(front)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            return await client.request(method, path, content=body)

    return asyncio.run(asking())


async def inner(scope: Any, _receive: Any, send: Any) -> None:
    """Answer every request in LiteLLM's place."""
    body = json.dumps({"error": {"type": scope["path"].removeprefix("/")}}).encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"keep-alive")]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_own_routes_come_first_and_all_else_passes() -> None:
    """The gateway's own paths are answered here; LiteLLM answers the rest."""

    async def mine(_call: Call) -> Reply:
        return Reply(200, {"mine": True})

    front = Front(inner, nothing, {("GET", "/mine"): mine})
    assert ask(front, "GET", "/mine").json() == {"mine": True}
    assert ask(front, "POST", "/mine").status_code == 400
    assert front.requests == 2


def test_a_head_is_answered_as_a_get_without_body() -> None:
    """The gateway's own routes answer HEAD with the status and the headers of GET."""

    async def mine(_call: Call) -> Reply:
        return Reply(503, {"mine": True})

    front = Front(inner, nothing, {("GET", "/mine"): mine})
    got, asked = ask(front, "GET", "/mine"), ask(front, "HEAD", "/mine")
    assert (asked.status_code, asked.headers, asked.content) == (503, got.headers, b"")


def test_a_response_that_starts_after_the_drain_began_closes() -> None:
    """A request that is under way when the drain begins is the last one on its connection."""

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        front.draining = True
        await inner(scope, receive, send)

    front = Front(slow, nothing)
    assert ask(front, "GET", "/x").headers["connection"] == "close"


@pytest.mark.parametrize(
    ("text", "malformed"), [(b"", False), (b" \n", False), (b"{}", False), (b"{", True), (b"[" * 60_000, True)]
)
def test_a_body_that_is_not_json_is_told_to_the_route(text: bytes, malformed: bool) -> None:  # noqa: FBT001 - a column of the table
    """The route decides, after it has looked at the key; a body nested too deep is one that is not JSON."""
    seen: list[bool] = []

    async def mine(call: Call) -> Reply:
        seen.append(call.malformed)
        return Reply(200, {})

    assert ask(Front(inner, nothing, {("POST", "/mine"): mine}), "POST", "/mine", text).status_code == 200
    assert seen == [malformed]


def test_a_draining_worker_closes_its_connections() -> None:
    """Every response of a draining worker asks the client to come back on another connection."""
    front = Front(inner, nothing)
    assert ask(front, "GET", "/x").headers["connection"] == "keep-alive"
    front.draining = True
    assert ask(front, "GET", "/x").headers["connection"] == "close"


def test_a_worn_worker_says_so_once() -> None:
    """At the given count of requests the worker asks for its replacement, once."""
    called: list[int] = []
    front = Front(inner, nothing, recycle_at=2, recycle=lambda: called.append(1))
    for _ in range(4):
        ask(front, "GET", "/x")
    assert called == [1]


def test_only_an_unknown_key_becomes_401() -> None:
    """LiteLLM's `no_db_connection` is the 401 it means; every other 400 passes untouched."""

    async def translated(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, as_unauthorized(send))

    refused = ask(translated, "GET", "/no_db_connection")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "401"
    other = ask(translated, "GET", "/something_else")
    assert other.status_code == 400
    assert other.json() == {"error": {"type": "something_else"}}


def test_a_failed_start_keeps_its_reason_to_itself() -> None:
    """The reason is kept for the parent; uvicorn, which logs the message, is told nothing."""

    async def failing(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.failed", "message": "traceback with a secret"})
        raise StartRefusedError("the reason")

    sent: list[Any] = []

    async def start() -> Front:
        async def send(message: Any) -> None:
            sent.append(message)

        front = Front(failing, nothing)
        await front({"type": "lifespan"}, None, send)  # type: ignore[arg-type]  # nothing is received
        return front

    front = asyncio.run(start())
    assert str(front.failure) == "the reason"
    assert all(message.get("message") == "" for message in sent)


def test_waiting_answers_503() -> None:
    """Before the first revision every request is told so."""
    assert ask(waiting, "GET", "/v1/models").status_code == 503


@pytest.mark.parametrize(
    ("key", "authorization", "status"),
    [
        ("sk-right", "Bearer sk-right", None),
        ("sk-right", "Bearer sk-wrong", 401),
        ("sk-right", None, 401),
        (None, "Bearer x", 403),
        ("", "Bearer ", 403),
    ],
)
def test_the_master_key_opens(key: str | None, authorization: str | None, status: int | None) -> None:
    """The right key opens, a wrong or missing one does not, and without a master key nothing does."""
    refusal = bearer(key, Call(authorization))
    assert (refusal.status if refusal else None) == status
