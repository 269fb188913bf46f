"""Prints as JSON what the LiteLLM of this environment offers: options, variables, lazily loaded features, routes.

Run by the Python of the environment in question. Argument: the repository whose readers of LiteLLM's command line and
whose table of savings fit that LiteLLM.
"""

import importlib
import json
import os
import sys
from typing import Any

QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",  # its import reads no .env
    "LITELLM_TELEMETRY": "False",
}


def facts() -> dict[str, list[str]]:
    """Return everything that an upgrade may change and that can be asked of the installed LiteLLM."""
    command_line: Any = importlib.import_module("tests.support.command_line")
    table: Any = importlib.import_module("routeiq_gateway.litellm_edge.savings.table")
    options, pooler = command_line.options()
    return {
        "savings left out": [f"`{name}`: {reason}" for name, reason in table.apply().items()],
        "options of the command line": [
            f"`{option}` ({variable or 'no variable'})" for option, variable in options.items()
        ],
        "variables that the command line reads": [f"`{name}`" for name in command_line.variables() | pooler],
        **offered(),
    }


def offered() -> dict[str, list[str]]:
    """Return the lazily loaded features and, with all of them loaded, the routes."""
    lazy: Any = importlib.import_module("litellm.proxy._lazy_features")
    routing: Any = importlib.import_module("fastapi.routing")
    application: Any = importlib.import_module("litellm.proxy.proxy_server").app
    for feature in lazy.LAZY_FEATURES:
        feature.register_fn(application, importlib.import_module(feature.module_path))
    return {
        "lazily loaded features": [
            f"`{feature.name}` {' '.join(feature.path_prefixes)}" for feature in lazy.LAZY_FEATURES
        ],
        "routes": [
            f"`{method} {context.path}`"
            for context in routing.iter_route_contexts(application.routes)
            for method in sorted(getattr(context.route, "methods", None) or [type(context.route).__name__])
        ],
    }


def main() -> None:
    """Print the facts on the last line."""
    os.environ.update(QUIET)
    sys.path.append(sys.argv[1])
    sys.stdout.write("\nFACTS " + json.dumps(facts()) + "\n")


if __name__ == "__main__":
    main()
