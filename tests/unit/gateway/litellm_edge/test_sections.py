"""Every number that LiteLLM's own signatures declare is judged, whatever a release names it."""

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


def test_the_router_has_numbers() -> None:
    """The sweep below is not empty."""
    assert {"num_retries", "timeout", "allowed_fails", "retry_after"} <= set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_text_in_the_place_of_a_number_is_wrong(name: str) -> None:
    """A word is refused by the setting's name, and a number is taken."""
    (sentence,) = examine_sections({"router_settings": {name: "soon"}}, {}).wrong
    assert sentence.startswith(f"router_settings.{name}: expected a number (")
    assert "soon" not in sentence
    taken = examine_sections({"router_settings": {name: 3}}, {})
    assert (taken.wrong, taken.warnings) == ((), ())


def test_every_argument_of_the_router_is_known() -> None:
    """No name that LiteLLM's router takes from a configuration is doubted."""
    managed = litellm.proxy.proxy_server.ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
    known = dict.fromkeys(set(litellm.Router.get_valid_args()) - set(managed))
    assert examine_sections({"router_settings": known}, {}).warnings == ()


def test_parameters_of_a_callback_are_known() -> None:
    """A callback's own parameters are no unknown setting where the callback is configured."""
    settings = {"callbacks": ["code_interpreter_interception"], "code_interpreter_interception_params": {}}
    assert examine_sections({"litellm_settings": settings}, {}).warnings == ()
    del settings["callbacks"]
    (doubt,) = examine_sections({"litellm_settings": settings}, {}).warnings
    assert doubt.startswith("litellm_settings.code_interpreter_interception_params: LiteLLM knows no such setting")


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
    assert (len(found.wrong), len(found.warnings)) == ((0, 1) if works else (1, 0))
