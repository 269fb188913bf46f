"""The answer to a wrong key."""

import json
from typing import Any

from routeiq_gateway.litellm_edge.unauthorized import as_unauthorized
from tests.support.asgi import ask, inner


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


def test_an_answer_without_headers_becomes_401() -> None:
    """ASGI lets an answer have no headers."""

    async def bare(_scope: Any, _receive: Any, send: Any) -> None:
        send = as_unauthorized(send)
        await send({"type": "http.response.start", "status": 400})
        await send({"type": "http.response.body", "body": json.dumps({"error": {"type": "no_db_connection"}}).encode()})

    assert ask(bare, "GET", "/").status_code == 401
