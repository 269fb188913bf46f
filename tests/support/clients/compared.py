"""What came back, as plain values that two proxies can be compared by."""

import json
import re
from typing import Any

from pydantic import BaseModel

MADE_ANEW = {"created", "created_at", "id", "item_id", "event_id", "responseId", "system_fingerprint"}
"""Fields that a proxy makes itself: only their type is compared."""
LONG = re.compile(r"(?<=_)[\w=-]{24,}$|[\w=-]{24,}$")
"""The part of an identifier that is made anew; a short one is the provider's own."""
TIMED = {"duration_ms", "litellm_call_id", "model_id", "response_ms", "_response_ms"}
"""Fields that LiteLLM adds of its own process."""


def comparable(value: Any, *, name: str = "") -> Any:
    """Return ``value`` as plain data, what is made anew for every answer replaced by its type."""
    match value:
        case BaseModel():
            return comparable(value.model_dump(mode="json", warnings=False))
        case dict():
            return {key: comparable(below, name=key) for key, below in value.items() if key not in TIMED}
        case list() | tuple():
            return [comparable(below) for below in value]
        case str() if value.startswith("data: {"):
            return comparable(json.loads(value.removeprefix("data: ")))
        case str() if name in MADE_ANEW:
            return LONG.sub("…", value)
        case _ if name in MADE_ANEW:
            return type(value).__name__
        case _:
            return value
