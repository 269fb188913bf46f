"""Checks of a configuration for faults that LiteLLM passes over in silence.

LiteLLM drops a model of an unknown provider and runs without a guardrail it does not know. Each of these would look
like success, so each is a reason to refuse. The functions are pure.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_NAMED = 5


@dataclass(frozen=True)
class Model:
    """A deployment as declared: the public name and the provider's model."""

    name: str
    model: str


def declared_models(config: Mapping[str, Any]) -> list[Model]:
    """Return the deployments that ``config`` declares, references as they stand."""
    return [
        Model(str(entry.get("model_name")), str(_mapping(entry, "litellm_params").get("model")))
        for entry in _list(config, "model_list")
        if isinstance(entry, Mapping)
    ]


def keep_models(config: Mapping[str, Any], wanted: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """Return ``config`` without the entries of ``model_list`` that are not ``wanted``; others keep their places.

    In the place of an entry that is left out stands an empty one, so that places of others are counted as in the file.
    """
    if not _list(config, "model_list"):
        return dict(config)
    kept = [entry if not isinstance(entry, Mapping) or wanted(entry) else {} for entry in config["model_list"]]
    return {**config, "model_list": kept}


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
    """Return the public name of the first model that answers by mock, or None: such a model asks no provider.

    A mock that stands for an error answers with that error, and is left out.
    """
    for entry in _list(config, "model_list"):
        mock = _mapping(entry, "litellm_params").get("mock_response")
        if isinstance(mock, str) and not mock.startswith(("litellm.", "Exception:")):
            return str(entry.get("model_name"))
    return None


def _mapping(value: Any, key: str) -> Mapping[str, Any]:  # noqa: ANN401 - any YAML value
    below = value.get(key) if isinstance(value, Mapping) else None
    return below if isinstance(below, Mapping) else {}


def _list(value: Any, key: str) -> list[Any]:  # noqa: ANN401 - any YAML value
    below = value.get(key) if isinstance(value, Mapping) else None
    return below if isinstance(below, list) else []
