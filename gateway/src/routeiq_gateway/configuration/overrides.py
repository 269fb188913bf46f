"""Overrides: variables ``LITELLM_<SECTION>__<KEY>`` that win over the configuration file.

``LITELLM_ROUTER_SETTINGS__NUM_RETRIES=3`` sets ``router_settings.num_retries`` to 3 whatever the file says. Each
further ``__`` leads one key deeper. The value is YAML, so lists, mappings, numbers and booleans work as in the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from routeiq_gateway.configuration.loading import NOT_YAML

SECTIONS = ("environment_variables", "general_settings", "litellm_settings", "router_settings")
PREFIX = "LITELLM_"
MASTER_KEY = ("general_settings", "master_key")


class BadOverrideError(ValueError):
    """An override cannot work; the message names the variable and what is expected."""


@dataclass(frozen=True)
class Override:
    """One value to set: the variable it comes from, the path of keys to its place, the parsed value."""

    variable: str
    path: tuple[str, ...]
    value: Any


def find_overrides(environment: Mapping[str, str]) -> tuple[Override, ...]:
    """Return the overrides in ``environment``, in order of variable name.

    Variables of LiteLLM's own have no double underscore and are left out.

    Raises:
        BadOverrideError: an unknown section, an empty key, a value that is not YAML, or a master key that is no text.
    """
    found = []
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or "__" not in variable:
            continue
        section, *keys = variable.removeprefix(PREFIX).lower().split("__")
        if section not in SECTIONS:
            raise BadOverrideError(
                f"{variable}: no section {section!r} to override; expected LITELLM_<SECTION>__<KEY> with a section"
                f" of {', '.join(name.upper() for name in SECTIONS)}"
            )
        if not all(keys):
            raise BadOverrideError(f"{variable}: an empty key; expected LITELLM_{section.upper()}__<KEY>")
        if section == "environment_variables":
            keys = variable.removeprefix(PREFIX).split("__")[1:]  # names of variables keep their case
        path = (section, *keys)
        value = _value(variable, environment[variable])
        if path == MASTER_KEY and not isinstance(value, str | None):
            raise BadOverrideError(
                f"{variable}: expected a text, found {type(value).__name__}; quote it, as in '\"12345\"'"
            )
        found.append(Override(variable, path, value))
    return tuple(found)


def apply_overrides(config: Mapping[str, Any], overrides: tuple[Override, ...]) -> dict[str, Any]:
    """Return ``config`` with every override set; ``config`` itself stays as it is.

    Raises:
        BadOverrideError: a key on the way to the value holds something other than a mapping.
    """
    result = dict(config)
    for override in overrides:
        *parents, last = override.path
        place = result
        for depth, key in enumerate(parents):
            below = {} if place.get(key) is None else place[key]
            if not isinstance(below, Mapping):
                raise BadOverrideError(
                    f"{override.variable}: {'.'.join(override.path[: depth + 1])} is not a mapping in the configuration"
                )
            place[key] = below = dict(below)
            place = below
        place[last] = override.value
    return result


def _value(variable: str, text: str) -> Any:  # noqa: ANN401 - any YAML value
    try:
        return yaml.safe_load(text)
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at column {mark.column + 1}" if mark else ""
        form = "" if isinstance(error, yaml.YAMLError) else ": a date, a number or a depth that cannot be"
        raise BadOverrideError(
            f"{variable}: the value is not YAML{where}{form}; quote it as in a configuration"
        ) from None
