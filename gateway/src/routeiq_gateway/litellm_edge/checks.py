"""Checks of a configuration for faults that LiteLLM passes over in silence.

LiteLLM drops a model of an unknown provider, runs without a guardrail it does not know, and reads a variable that is
not set as an empty value. Each of these would look like success, so each is a reason to refuse. The functions are pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routeiq_gateway.configuration.redact import REFERENCE

MOST_NAMED = 5


@dataclass(frozen=True)
class Model:
    """A deployment as declared: the public name and the provider's model."""

    name: str
    model: str


def missing_variables(config: Mapping[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Return one sentence for each ``os.environ/NAME`` in ``config`` whose variable is not set.

    With ``key_management_system`` set, a secret manager resolves such names elsewhere, so the list is empty.
    """
    if _mapping(config, "general_settings").get("key_management_system"):
        return []
    declared = {*environment, *_mapping(config, "environment_variables")}
    return [
        f"{where}: the environment variable {name} is not set; set it for the gateway or correct the reference"
        for where, name in _references(config, "")
        if name not in declared
    ]


def declared_models(config: Mapping[str, Any], *, environment_name: str | None) -> list[Model]:
    """Return the deployments that LiteLLM is expected to load.

    Entries with ``model_info.supported_environments`` count only where they name ``environment_name``
    (``LITELLM_ENVIRONMENT``), as LiteLLM itself leaves the others out.
    """
    return [
        Model(str(entry.get("model_name")), str(_mapping(entry, "litellm_params").get("model")))
        for entry in _list(config, "model_list")
        if isinstance(entry, Mapping) and _supported(entry, environment_name)
    ]


def declared_guardrails(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the guardrails that LiteLLM is expected to load."""
    return [str(entry.get("guardrail_name")) for entry in _list(config, "guardrails") if isinstance(entry, Mapping)]


def not_loaded(declared: Sequence[Any], loaded: Sequence[Any]) -> list[Any]:
    """Return the items of ``declared`` that ``loaded`` lacks, repeats counted, in order of first declaration."""
    return list((Counter(declared) - Counter(loaded)).elements())


def summary(sentences: Sequence[str]) -> str:
    """Join the first few sentences and say how many more there are."""
    shown = "; ".join(sentences[:MOST_NAMED])
    more = len(sentences) - MOST_NAMED
    return f"{shown}; and {more} more" if more > 0 else shown


def general_settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the section of that name, empty where there is none."""
    return _mapping(config, "general_settings")


def mock_model(config: Mapping[str, Any]) -> str | None:
    """Return the public name of the first model with a mock response, or None: such a model asks no provider."""
    for entry in _list(config, "model_list"):
        if isinstance(entry, Mapping) and "mock_response" in _mapping(entry, "litellm_params"):
            return str(entry.get("model_name"))
    return None


def _supported(entry: Mapping[str, Any], environment_name: str | None) -> bool:
    supported = _mapping(entry, "model_info").get("supported_environments")
    return supported is None or environment_name in supported


def _references(value: Any, where: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any YAML value
    match value:
        case Mapping():
            for key, below in value.items():
                yield from _references(below, f"{where}.{key}" if where else str(key))
        case list():
            for index, below in enumerate(value):
                yield from _references(below, f"{where}[{index}]")
        case str() if value.startswith(REFERENCE):
            yield where, value.removeprefix(REFERENCE)


def _mapping(value: Any, key: str) -> Mapping[str, Any]:  # noqa: ANN401 - any YAML value
    below = value.get(key) if isinstance(value, Mapping) else None
    return below if isinstance(below, Mapping) else {}


def _list(value: Any, key: str) -> list[Any]:  # noqa: ANN401 - any YAML value
    below = value.get(key) if isinstance(value, Mapping) else None
    return below if isinstance(below, list) else []
