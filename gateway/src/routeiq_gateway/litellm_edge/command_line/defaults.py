"""What LiteLLM's command hands to LiteLLM's start, whose own defaults are other values: they drop parameters."""

import importlib
import inspect
from typing import Any


def start_arguments() -> dict[str, Any]:
    """Return what the command, called without options, passes to `litellm.proxy.proxy_server.initialize`, by name."""
    command: Any = importlib.import_module("litellm.proxy.proxy_cli").run_server
    taken = inspect.signature(importlib.import_module("litellm.proxy.proxy_server").initialize).parameters
    return {option.name: _default(option) for option in command.params if option.name in taken}


def _default(option: Any) -> object:  # noqa: ANN401 - click's option; LiteLLM brings click
    """Return what an option that is not given has for its value, as click gives it to the command."""
    if option.default is None or isinstance(option.default, bool | int | float | str):
        return option.default
    return False if option.is_flag else None  # click's mark for an option without a default
