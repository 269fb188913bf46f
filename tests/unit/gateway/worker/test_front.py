"""The application around LiteLLM's."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.lifespan.on import LifespanOn

from routeiq_gateway.worker.front import Front
from routeiq_gateway.worker.replies import Call, Reply
from routeiq_gateway.worker.start.refusal import StartRefusedError
from tests.support.asgi import ask, inner


async def nothing() -> None:
    """Check nothing."""


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
    """The route decides, after it has looked at the key; a body nested too deep counts as not JSON."""
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


def test_a_failed_stop_keeps_its_reason_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Uvicorn logs that the stop failed, without the traceback that an application gives as the reason."""

    async def failing(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "traceback with a secret"})
        raise ValueError("a secret")

    async def start_and_stop() -> LifespanOn:
        lifespan = LifespanOn(uvicorn.Config(Front(failing, nothing), log_config=None))
        await lifespan.startup()
        await lifespan.shutdown()
        return lifespan

    assert asyncio.run(start_and_stop()).shutdown_failed
    assert "shutdown failed" in caplog.text
    assert "secret" not in caplog.text


def test_a_draining_worker_leaves_the_messages_of_the_application_alone() -> None:
    """An application may send the same message for many responses."""
    start = {"type": "http.response.start", "status": 200, "headers": []}

    async def repeating(_scope: Any, _receive: Any, send: Any) -> None:
        await send(start)
        await send({"type": "http.response.body", "body": b""})

    assert ask(Front(repeating, nothing, draining=True), "GET", "/x").headers["connection"] == "close"
    assert start["headers"] == []
