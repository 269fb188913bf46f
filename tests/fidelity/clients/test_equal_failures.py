"""What real clients are told when something fails, by stock LiteLLM and by the gateway."""

from collections.abc import Callable
from functools import partial
from typing import Any

import anthropic
import openai
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.support.clients.connections import PATIENCE, Connections
from tests.support.clients.sides import Sides
from tests.support.providers.openai import BREAK

CHANGING = {"date", "x-litellm-call-id", "x-litellm-response-duration-ms", "x-litellm-overhead-duration-ms"}

CODES = (400, 401, 403, 404, 408, 429, 500, 503)


def chat(to: Connections, prompt: str, **more: Any) -> Any:
    """Ask for a completion, read to its end."""
    asked: Any = to.openai.chat.completions.create
    answer = asked(**({"model": "gpt", "messages": [{"role": "user", "content": prompt}]} | more))
    return list(answer) if more.get("stream") else answer


def message(to: Connections, prompt: str, **more: Any) -> Any:
    """Ask for a message on Anthropic's route, of the model of OpenAI's provider."""
    asked: Any = to.anthropic.messages.create
    answer = asked(max_tokens=9, messages=[{"role": "user", "content": prompt}], **({"model": "claude"} | more))
    return list(answer) if more.get("stream") else answer


FAILURES: dict[str, Callable[[Connections], Any]] = {
    **{f"provider's {code}": partial(chat, prompt=f"fail {code}") for code in CODES},
    "provider's 429 to a stream": lambda to: chat(to, "fail 429", stream=True),
    "a stream that the provider breaks off": lambda to: chat(to, BREAK, stream=True),
    "a model that is not there": lambda to: chat(to, "Hello", model="absent"),
    "a stream of a model that is not there": lambda to: chat(to, "Hello", model="absent", stream=True),
    "a message of a model that is not there": lambda to: message(to, "Hello", model="absent"),
    "a field of a wrong type": lambda to: chat(to, "Hello", temperature="hot"),
    "messages of a wrong type": lambda to: chat(to, "Hello", messages=[{"x": 1}]),
    "no model": lambda to: to.http.post("/v1/chat/completions", json={"messages": []}),
    "a body that is no JSON": lambda to: to.http.post("/v1/chat/completions", content=b"{"),
    "a message without a body": lambda to: to.http.post("/v1/messages"),
    "an embedding of a model that is not there": lambda to: to.openai.embeddings.create(model="absent", input="x"),
    "an upload of a model that is not there": lambda to: to.openai.audio.transcriptions.create(
        model="absent", file=("a.mp3", b"ID3")
    ),
    "a path that is not there": lambda to: to.http.get("/v1/absent"),
    "a method that is not there": lambda to: to.http.put("/v1/chat/completions"),
    "a file that is not there": lambda to: to.http.get("/provider/v1/absent"),
    "a WebSocket of a model that is not there": lambda to: connect(
        f"{to.base.replace('http', 'ws', 1)}/v1/realtime?model=absent",
        additional_headers={"Authorization": f"Bearer {to.openai.api_key}"},
        open_timeout=PATIENCE,
    ).recv(timeout=PATIENCE),
    "a WebSocket without a key": lambda to: connect(
        f"{to.base.replace('http', 'ws', 1)}/v1/realtime?model=realtime", open_timeout=PATIENCE
    ).recv(timeout=PATIENCE),
}


def told(base: str, fails: Callable[[Connections], Any]) -> Any:
    """Return what the client is told: its exception, the status, the names of headers, and the body."""
    with Connections(base) as to:
        try:
            answer: Any = fails(to)
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            names = set(error.response.headers) - CHANGING
            return [type(error), error.status_code, names, error.body, error.response.headers.get("retry-after")]
        except (openai.APIError, anthropic.APIError, WebSocketException) as error:
            return [type(error), str(error)]
        if hasattr(answer, "status_code"):
            return [answer.status_code, set(answer.headers) - CHANGING, answer.text]
        return answer


@pytest.mark.parametrize("name", FAILURES)
def test_a_client_is_told_what_stock_tells_when_something_fails(sides: Sides, name: str) -> None:
    """A client gets the same exception, status, header names and body from the gateway as from stock LiteLLM."""
    stock, ours = (told(base, FAILURES[name]) for base in sides.bases)
    assert ours == stock


@pytest.mark.parametrize("code", CODES)
def test_a_status_of_the_provider_reaches_the_client(sides: Sides, code: int) -> None:
    """What the provider answers with a failure is a failure of the same status to the client."""
    _, status, _, body, _ = told(sides.bases[1], FAILURES[f"provider's {code}"])
    assert status == code
    assert "the provider refuses" in body["message"]
