"""A number in quotes: refused where LiteLLM's own router fails requests with it. The router's pauses are real: slow."""

import asyncio
import inspect
from typing import Any

import litellm
import pytest

from routeiq_gateway.litellm_edge.sections import examine_sections

NUMBERS = sorted(
    name
    for name, parameter in inspect.signature(litellm.Router.__init__).parameters.items()
    if parameter.annotation in (int, float, int | None, float | None)
)


def _works(settings: dict[str, Any], **more: Any) -> bool:
    """Whether LiteLLM's router, with a model that fails, ends in a fallback where it has one, else in that failure."""
    names = {"demo": "litellm.RateLimitError", "other": "pong"}
    models = [
        {"model_name": name, "litellm_params": {"model": "openai/x", "api_key": "unused", "mock_response": answer}}
        for name, answer in names.items()
    ]
    router = litellm.Router(model_list=models, **{"num_retries": 1, **settings}, **more)
    try:
        asyncio.run(router.acompletion(model="demo", messages=[{"role": "user", "content": "x"}]))
    except litellm.RateLimitError:
        return not more
    except TypeError:
        return False
    return bool(more)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_in_quotes_is_refused_where_litellm_fails_on_it(name: str) -> None:
    """A text of digits is wrong exactly where LiteLLM's own router fails requests with it; elsewhere it is a doubt."""
    settings = {name: "3"}
    works = _works(settings) and _works(settings, fallbacks=[{"demo": ["other"]}])
    found = examine_sections({"router_settings": settings}, {})
    assert (len(found.errors), len(found.warnings)) == ((0, 1) if works else (1, 0))
