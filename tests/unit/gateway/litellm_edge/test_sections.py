"""Every number that LiteLLM's own signatures declare is judged, whatever a release names it."""

import inspect

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
    (sentence,) = examine_sections({"router_settings": {name: "soon"}}, {}).errors
    assert sentence.startswith(f"router_settings.{name}: expected a number (")
    assert "soon" not in sentence
    taken = examine_sections({"router_settings": {name: 3}}, {})
    assert (taken.errors, taken.warnings) == ((), ())


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
