"""Calls with Anthropic's own client."""

from collections.abc import Callable
from functools import partial
from typing import Any

import anthropic

from tests.support.clients.connections import Connections

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]


def messages(client: anthropic.Anthropic, model: str) -> Any:
    """Ask for a message."""
    return client.messages.create(model=model, max_tokens=9, messages=HELLO)


def messages_stream(client: anthropic.Anthropic, model: str) -> Any:
    """Ask for a message as events, gathered by the client."""
    with client.messages.stream(model=model, max_tokens=9, messages=HELLO) as stream:
        kinds = [event.type for event in stream]
        return [kinds, stream.get_final_message()]


def both(to: Connections, *, model: str) -> Any:
    """Ask for a message plain and as events."""
    return [messages(to.anthropic, model), messages_stream(to.anthropic, model)]


def tokens(to: Connections) -> Any:
    """Count the tokens of a prompt."""
    return to.anthropic.messages.count_tokens(model="claude", messages=HELLO)


def passed_through(to: Connections) -> Any:
    """Ask on the route that passes requests to Anthropic as they are."""
    client = to.anthropic_through
    return [messages(client, "claude-sonnet-4-6"), messages_stream(client, "claude-sonnet-4-6")]


CALLS: dict[str, Callable[[Connections], Any]] = {
    "anthropic messages": partial(both, model="claude"),
    "anthropic messages of OpenAI's model": partial(both, model="gpt"),
    "anthropic tokens": tokens,
    "anthropic, passed through": passed_through,
}
