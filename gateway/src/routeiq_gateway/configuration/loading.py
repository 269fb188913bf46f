"""Reading a configuration's YAML: a mapping of sections, or a sentence that says why it is none; the texts in it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

CONFIG = "config.yaml"
"""The name of the configuration within a revision."""
NOT_YAML = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What PyYAML raises for a text it cannot read: its own errors, and, for a scalar that looks like a date, a number or a
boolean and cannot be converted, whatever the conversion raises."""
QUOTED = re.compile(r"'(?!<)[^']{2,}'")
"""A word of the file in a message of PyYAML: a password that begins with ``!`` is a tag to PyYAML. Terms of PyYAML's
own are single characters, or stand in angle brackets."""


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
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = QUOTED.sub("'***'", getattr(error, "problem", None) or "cannot be parsed")
        raise BadRevisionError(f"{name} is not YAML{where}: {problem}") from None
    if not isinstance(config, Mapping) or not config:
        raise BadRevisionError(
            f"{name}: expected a mapping of sections such as model_list, found {type(config).__name__}"
        )
    return config


def texts_of(value: Any, where: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any YAML value
    """Yield each text in ``value``, which stands at ``where``, with its own place: ``a.b[0].c``."""
    match value:
        case Mapping():
            for key, below in value.items():
                yield from texts_of(below, f"{where}.{key}" if where else str(key))
        case list():
            for index, below in enumerate(value):
                yield from texts_of(below, f"{where}[{index}]")
        case str():
            yield where, value
