"""A provider in Gemini's shape, as https://ai.google.dev/api/generate-content documents it."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.providers.openai import Pace, event_stream


def part(text: str, *, last: bool) -> dict[str, Any]:
    """Return one answer, or one piece of a streamed one."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "r1"}


def routes(pace: Pace) -> list[Route]:
    """Return the routes of Gemini's API."""

    async def generate(request: Request) -> Response:
        verb = request.path_params["call"].rpartition(":")[2]
        words = pace.words()
        match verb:
            case "generateContent":
                return JSONResponse(part("".join(words), last=True))
            case "streamGenerateContent":
                pieces = [part(word, last=word == words[-1]) for word in words]
                return event_stream(pace, [f"data: {json.dumps(piece)}" for piece in pieces])
            case "countTokens":
                return JSONResponse({"totalTokens": 7})
            case _:
                return JSONResponse({"error": {"code": 404, "message": verb, "status": "NOT_FOUND"}}, 404)

    return [Route("/v1beta/models/{call:path}", generate, methods=["POST"])]
