"""Calls with OpenAI's own client."""

import io
from typing import Any

from tests.support.clients.connections import Connections

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
LINE = (
    b'{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions",'
    b' "body": {"model": "gpt", "messages": [{"role": "user", "content": "Hello"}]}}\n'
)
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
        },
    }
]


def chat(to: Connections) -> Any:
    """Ask for a completion."""
    return to.openai.chat.completions.create(model="gpt", messages=HELLO)


def chat_stream(to: Connections) -> Any:
    """Ask for a stream with its usage."""
    return list(
        to.openai.chat.completions.create(
            model="gpt", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )


def tools(to: Connections) -> Any:
    """Have the model call a tool, and tell it the result."""
    called = to.openai.chat.completions.create(model="gpt", messages=HELLO, tools=TOOLS)
    message: Any = called.choices[0].message.model_dump(exclude_none=True)
    told: Any = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"}
    return [called, to.openai.chat.completions.create(model="gpt", messages=[*HELLO, message, told], tools=TOOLS)]


def tools_stream(to: Connections) -> Any:
    """Have the model call a tool in a stream, gathered by the client."""
    with to.openai.chat.completions.stream(model="gpt", messages=HELLO, tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
        return [kinds, stream.get_final_completion()]


def text(to: Connections) -> Any:
    """Ask for a completion of a text."""
    return to.openai.completions.create(model="text", prompt="Hello")


def responses(to: Connections) -> Any:
    """Ask for a response."""
    return to.openai.responses.create(model="gpt", input="Hello")


def responses_stream(to: Connections) -> Any:
    """Ask for a response as events."""
    return list(to.openai.responses.create(model="gpt", input="Hello", stream=True))


def embeddings(to: Connections) -> Any:
    """Ask for two vectors, as base64 (the client's default) and as numbers."""
    words = ["one", "two"]
    return [
        to.openai.embeddings.create(model="embedding", input=words),
        to.openai.embeddings.create(model="embedding", input=words, encoding_format="float"),
    ]


def images(to: Connections) -> Any:
    """Ask for an image."""
    return to.openai.images.generate(model="image", prompt="a dot")


def speech(to: Connections) -> Any:
    """Ask for a sound, read in pieces."""
    with to.openai.audio.speech.with_streaming_response.create(model="speech", voice="alloy", input="Hello") as answer:
        return b"".join(answer.iter_bytes()).hex()


def transcription(to: Connections) -> Any:
    """Upload a sound."""
    return to.openai.audio.transcriptions.create(model="transcription", file=("a.mp3", b"ID3" + bytes(50_000)))


def moderation(to: Connections) -> Any:
    """Ask whether a text is harmless."""
    return to.openai.moderations.create(model="moderation", input="Hello")


def files(to: Connections) -> Any:
    """Upload, list, show, read and delete a file."""
    made = to.openai.files.create(file=("in.jsonl", io.BytesIO(LINE * 1000)), purpose="batch")
    listed = list(to.openai.files.list())
    shown = to.openai.files.retrieve(made.id)
    read = to.openai.files.content(made.id).text
    return [made, listed, shown, read, to.openai.files.delete(made.id)]


def batches(to: Connections) -> Any:
    """Begin a batch, look at it and cancel it."""
    made = to.openai.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")
    return [made, to.openai.batches.retrieve(made.id), to.openai.batches.cancel(made.id)]


def models(to: Connections) -> Any:
    """List the models."""
    return list(to.openai.models.list())


def passed_through(to: Connections) -> Any:
    """Ask on the route that passes requests to OpenAI as they are, plain and as a stream."""
    create = to.openai_through.chat.completions.create
    return [
        create(model="gpt-4o-mini", messages=HELLO),
        list(create(model="gpt-4o-mini", messages=HELLO, stream=True)),
    ]


CALLS = {
    "openai chat": chat,
    "openai chat, stream": chat_stream,
    "openai tools": tools,
    "openai tools, stream": tools_stream,
    "openai text": text,
    "openai responses": responses,
    "openai responses, stream": responses_stream,
    "openai embeddings": embeddings,
    "openai images": images,
    "openai speech": speech,
    "openai transcription": transcription,
    "openai moderation": moderation,
    "openai files": files,
    "openai batches": batches,
    "openai models": models,
    "openai, passed through": passed_through,
}
