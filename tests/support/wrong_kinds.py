"""Configurations with values of wrong kinds, for Hypothesis."""

from typing import Any

import litellm
from hypothesis import strategies as st
from litellm.proxy._types import ConfigGeneralSettings
from litellm.types.router import LiteLLM_Params

LISTED = ("callbacks", "success_callback", "failure_callback", "cache", "cache_params", "fallbacks", "drop_params")
NAMES = {
    "router_settings": sorted(litellm.Router.get_valid_args()),
    "litellm_settings": sorted({*LISTED, *(name for name in vars(litellm) if name.startswith(("default_", "num_")))}),
    "general_settings": sorted(ConfigGeneralSettings.model_fields),
}
PARAMS = sorted(LiteLLM_Params.model_fields)
LEAVES = st.sampled_from([0, 3, -1, 2.5, True, False, None, "", "word", "3", "os.environ/NOT_SET", "a.b"])
VALUES = (
    LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.sampled_from(["a", "type", "model"]), LEAVES, max_size=2)
)
MODEL: dict[str, Any] = {
    "model_name": "demo",
    "litellm_params": {"model": "openai/demo", "api_key": "unused", "mock_response": "pong"},
}


@st.composite
def configurations(draw: st.DrawFn, *, most: int = 3) -> dict[str, Any]:
    """A configuration that would serve, with at most ``most`` settings of any kind in it, and perhaps a wrong model."""
    config: dict[str, Any] = {"model_list": [{**MODEL, "litellm_params": dict(MODEL["litellm_params"])}]}
    for _ in range(draw(st.integers(1, most))):
        section = draw(st.sampled_from([*NAMES, "model_list", "params"]))
        match section:
            case "params":
                config["model_list"][0]["litellm_params"][draw(st.sampled_from(PARAMS))] = draw(VALUES)
            case "model_list":
                config["model_list"].append(draw(VALUES))
            case _:
                config.setdefault(section, {})[draw(st.sampled_from(NAMES[section]))] = draw(VALUES)
    return config
