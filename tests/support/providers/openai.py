"""A provider in OpenAI's shape, as https://platform.openai.com/docs/api-reference documents each object."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

BREAK = "the provider breaks off"
"""A prompt that makes the provider close the connection in the middle of its stream."""
BREAK_PAUSE = 0.5
ENDLESS = "endless"
"""A user for whom a stream does not end until its reader leaves."""
ENDLESS_PAUSE = 0.05
FAILS = re.compile(r"fail (\d+)")
"""A prompt that makes the provider answer with this status."""
SOUNDS = re.compile(r"(\d+) bytes")
"""A text that makes the provider answer a sound of this length."""
CREATED = 1_760_000_000
TOOL = {"name": "weather", "arguments": '{"town": "Ulm"}'}
SOUND = b"ID3" + bytes(range(256)) * 16
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
RESPONSE_USAGE = {
    "input_tokens": 7,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 10,
}


@dataclass(frozen=True)
class Pace:
    """How many pieces a stream has, and the seconds between two of them."""

    pieces: int
    pause: float
    abandoned: list[str] = field(default_factory=list)
    """Grows by one entry for each stream whose reader left before its end."""

    def words(self) -> list[str]:
        """Return the pieces of a streamed text."""
        return [f"piece-{number} " for number in range(self.pieces)]


async def events(pace: Pace, blocks: Iterable[str]) -> AsyncIterator[bytes]:
    """Yield each server-sent event at the pace of the provider.

    Raises:
        ConnectionAbortedError: a block says that the provider breaks off here.
        asyncio.CancelledError: the reader left.
    """
    try:
        for block in blocks:
            if block == BREAK:
                await asyncio.sleep(BREAK_PAUSE)  # long enough for what was sent before to have been passed on
                raise ConnectionAbortedError
            yield f"{block}\n\n".encode()
            await asyncio.sleep(pace.pause)  # the pace of the provider is the thing simulated
    except asyncio.CancelledError:
        pace.abandoned.append("stream")
        raise


def event_stream(pace: Pace, blocks: Iterable[str]) -> StreamingResponse:
    """Return a response of server-sent events."""
    return StreamingResponse(events(pace, blocks), media_type="text/event-stream")


def chat(pace: Pace, body: dict[str, Any]) -> Response:
    """Answer a chat completion; one that offers tools and has no result yet calls the first of them."""
    prompt = str(body["messages"][-1].get("content"))
    if failure := FAILS.match(prompt):
        error = {"message": "the provider refuses", "type": "provider_error", "param": None, "code": "refused"}
        return JSONResponse({"error": error}, int(failure[1]), {"retry-after": "7"})
    calls = bool(body.get("tools")) and body["messages"][-1]["role"] == "user"
    call = {"id": "call_1", "type": "function", "function": TOOL}
    common: dict[str, Any] = {"id": "chatcmpl-1", "created": CREATED, "model": body["model"]}
    reason = "tool_calls" if calls else "stop"
    if not body.get("stream"):
        text: dict[str, Any] = {"role": "assistant", "content": None if calls else "".join(pace.words())}
        message = text | {"refusal": None} | ({"tool_calls": [call]} if calls else {})
        choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return JSONResponse(common | {"object": "chat.completion", "choices": [choice], "usage": USAGE})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if calls else ""}]
    if calls:
        deltas.append({"tool_calls": [{"index": 0, **call, "function": {"name": TOOL["name"], "arguments": ""}}]})
        halves = (TOOL["arguments"][:5], TOOL["arguments"][5:])
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": half}}]} for half in halves]
    else:
        deltas += [{"content": word} for word in pace.words()]
    choices: list[Any] = [[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}])
    chunks = [common | {"object": "chat.completion.chunk", "choices": choice} for choice in choices]
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append(common | {"object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    blocks = [*(f"data: {json.dumps(chunk)}" for chunk in chunks), "data: [DONE]"]
    if body.get("user") == ENDLESS:
        return event_stream(Pace(pace.pieces, ENDLESS_PAUSE, pace.abandoned), itertools.repeat(blocks[1]))
    return event_stream(pace, [*blocks[:2], BREAK] if prompt == BREAK else blocks)


def response(pace: Pace, body: dict[str, Any]) -> Response:
    """Answer the Responses API, plain or as its typed events."""
    text = "".join(pace.words())
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    document = {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "model": body["model"],
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": RESPONSE_USAGE,
    }
    if not body.get("stream"):
        return JSONResponse(document)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    begun = document | {"status": "in_progress", "output": [], "usage": None}
    told: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}),
        ("response.content_part.added", place | {"part": part | {"text": ""}}),
        *(("response.output_text.delta", place | {"delta": word, "logprobs": []}) for word in pace.words()),
        ("response.output_text.done", place | {"text": text, "logprobs": []}),
        ("response.content_part.done", place | {"part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": document}),
    ]
    numbered = enumerate(told)
    return event_stream(
        pace,
        [
            f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': number} | fields)}"
            for number, (kind, fields) in numbered
        ],
    )


def completion(pace: Pace, body: dict[str, Any]) -> Response:
    """Answer a text completion."""
    choice = {"index": 0, "text": "".join(pace.words()), "logprobs": None, "finish_reason": "stop"}
    common = {"id": "cmpl-1", "object": "text_completion", "created": CREATED, "model": body["model"]}
    return JSONResponse(common | {"choices": [choice], "usage": USAGE})


def embeddings(_: Pace, body: dict[str, Any]) -> Response:
    """Answer one vector for each input."""
    count = len(body["input"]) if isinstance(body["input"], list) else 1
    data = [{"object": "embedding", "index": index, "embedding": [0.25, -0.5, index]} for index in range(count)]
    return JSONResponse({"object": "list", "data": data, "model": body["model"], "usage": USAGE})


def image(_: Pace, __: dict[str, Any]) -> Response:
    """Answer an image of one pixel."""
    return JSONResponse({"created": CREATED, "data": [{"b64_json": PIXEL}]})


def speech(_: Pace, body: dict[str, Any]) -> Response:
    """Answer a sound."""
    wanted = SOUNDS.match(body["input"])
    sound = bytes(int(wanted[1])) if wanted else SOUND
    return Response(sound, media_type="audio/mpeg")


def moderation(_: Pace, body: dict[str, Any]) -> Response:
    """Find nothing wrong."""
    result = {"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.01}}
    return JSONResponse({"id": "modr-1", "model": body["model"], "results": [result]})


def batch(identifier: str, status: str) -> Response:
    """Answer the one batch that there is."""
    document = {
        "id": identifier,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": status,
        "created_at": CREATED,
        "request_counts": {"total": 1, "completed": 0, "failed": 0},
    }
    return JSONResponse(document)


def file_document(name: str, size: int) -> dict[str, Any]:
    """Return the one file that there is."""
    common = {"id": "file-1", "object": "file", "created_at": CREATED, "purpose": "batch", "status": "processed"}
    return common | {"filename": name, "bytes": size}


async def transcription(request: Request) -> Response:
    """Say how long the upload is, in bytes."""
    async with request.form() as form:
        upload = form["file"]
        size = len(upload) if isinstance(upload, str) else len(await upload.read())
    return JSONResponse({"text": f"a sound of {size} bytes"})


async def upload_file(request: Request) -> Response:
    """Take a file and say how long it is."""
    async with request.form() as form:
        upload = form["file"]
        size = len(upload) if isinstance(upload, str) else len(await upload.read())
        name = "" if isinstance(upload, str) else str(upload.filename)
    return JSONResponse(file_document(name, size))


async def one_file(request: Request) -> Response:
    """Show or delete the one file."""
    if request.method == "DELETE":
        return JSONResponse({"id": request.path_params["id"], "object": "file", "deleted": True})
    return JSONResponse(file_document("in.jsonl", 10))


async def file_content(_: Request) -> Response:
    """Answer the content of the one file."""
    return Response(b'{"custom_id": "1"}\n', media_type="application/jsonl")


async def files(_: Request) -> Response:
    """List the one file."""
    document = {"object": "list", "data": [file_document("in.jsonl", 10)], "has_more": False}
    return JSONResponse(document | {"first_id": "file-1", "last_id": "file-1"})


async def create_batch(_: Request) -> Response:
    """Begin the one batch."""
    return batch("batch_1", "validating")


async def one_batch(request: Request) -> Response:
    """Show or cancel the one batch."""
    return batch(request.path_params["id"], "cancelling" if request.url.path.endswith("cancel") else "in_progress")


def routes(pace: Pace) -> list[Route]:
    """Return the routes of OpenAI's API, below ``/v1``."""

    def posted(answer: Any) -> Any:
        async def endpoint(request: Request) -> Response:
            result: Response = answer(pace, await request.json())
            return result

        return endpoint

    answers = {
        "/chat/completions": chat,
        "/completions": completion,
        "/responses": response,
        "/embeddings": embeddings,
        "/images/generations": image,
        "/audio/speech": speech,
        "/moderations": moderation,
    }
    return [
        *(Route(f"/v1{path}", posted(answer), methods=["POST"]) for path, answer in answers.items()),
        Route("/v1/audio/transcriptions", transcription, methods=["POST"]),
        Route("/v1/files", upload_file, methods=["POST"]),
        Route("/v1/files", files, methods=["GET"]),
        Route("/v1/files/{id}", one_file, methods=["GET", "DELETE"]),
        Route("/v1/files/{id}/content", file_content),
        Route("/v1/batches", create_batch, methods=["POST"]),
        Route("/v1/batches/{id}", one_batch),
        Route("/v1/batches/{id}/cancel", one_batch, methods=["POST"]),
    ]
