"""A provider in Anthropic's shape: https://docs.anthropic.com/en/api/messages and .../messages-streaming."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.providers.openai import Pace, event_stream


def blocks(pace: Pace, message: dict[str, Any]) -> list[str]:
    """Return the events of a streamed message."""
    begun = message | {"content": [], "stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
            for word in pace.words()
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}" for event in told]


def routes(pace: Pace) -> list[Route]:
    """Return the routes of Anthropic's API."""

    async def messages(request: Request) -> Response:
        body = await request.json()
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [{"type": "text", "text": "".join(pace.words())}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 7, "output_tokens": 3},
        }
        return event_stream(pace, blocks(pace, message)) if body.get("stream") else JSONResponse(message)

    async def tokens(_: Request) -> Response:
        return JSONResponse({"input_tokens": 7})

    return [
        Route("/v1/messages", messages, methods=["POST"]),
        Route("/v1/messages/count_tokens", tokens, methods=["POST"]),
    ]
