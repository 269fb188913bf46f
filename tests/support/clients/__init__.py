"""What users do with real clients: each call is made with a client of the API's own maker, and returns what came back.

A call takes the :class:`~tests.support.clients.connections.Connections` to one proxy, so that calls one after the other
use the connections that their client keeps. No client tries again by itself: a failure is seen.
"""

from collections.abc import Callable
from typing import Any

from tests.support.clients import anthropic_calls, gemini_calls, mcp_calls, openai_calls, realtime_calls
from tests.support.clients.connections import Connections

CALLS: dict[str, Callable[[Connections], Any]] = {
    **openai_calls.CALLS,
    **anthropic_calls.CALLS,
    **gemini_calls.CALLS,
    **mcp_calls.CALLS,
    **realtime_calls.CALLS,
}
