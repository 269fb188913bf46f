"""Reading a configuration's YAML: a mapping of sections, or a sentence that says why it is none; the texts in it."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from routeiq_gateway.configuration.harmless import Place, place_below, shown_key, unquoted

CONFIG = "config.yaml"
"""The name of the configuration within a revision."""
NOT_YAML = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What PyYAML raises for a text it cannot read: its own errors, and, for a scalar that looks like a date, a number or a
boolean and cannot be converted, whatever the conversion raises."""


class BadRevisionError(ValueError):
    """A revision on the volume cannot be served; the message says why and holds no secret."""


def load_config(text: bytes, name: str = CONFIG) -> Mapping[str, Any]:
    """Parse the text of the configuration, whose file the operator calls ``name``.

    Raises:
        BadRevisionError: the text is not YAML, or is not a mapping; the message names the line.
    """
    try:
        config = yaml.load(text, Loader=yaml.CSafeLoader)
    except NOT_YAML as error:
        raise BadRevisionError(f"{name} {not_yaml(error)}") from None
    if not isinstance(config, Mapping) or not config:
        raise BadRevisionError(
            f"{name}: expected a mapping of sections such as model_list, found {type(config).__name__}"
        )
    return config


def not_yaml(error: BaseException) -> str:
    """Return what is wrong with a text that raised one of :data:`NOT_YAML`: where, and why, quoting nothing of it."""
    mark = getattr(error, "problem_mark", None)
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"is not YAML{where}: {unquoted(getattr(error, 'problem', None) or 'cannot be parsed')}"


def texts_of(
    value: Any,  # noqa: ANN401 - any YAML value
    where: str = "",
    place: Place = Place.SETTINGS,
) -> Iterator[tuple[str, str]]:
    """Yield each text in ``value``, which stands at ``where``, with its own place as it may be shown: ``a.b[0].c``."""
    match value:
        case Mapping():
            for key, below in value.items():
                name = shown_key(key, place)
                yield from texts_of(below, f"{where}.{name}" if where else name, place_below(place, key))
        case list():
            for index, below in enumerate(value):
                yield from texts_of(below, f"{where}[{index}]", place)
        case str():
            yield where, value
