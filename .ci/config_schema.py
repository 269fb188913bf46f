"""Writes the JSON Schema of `config.yaml`, for editors, out of the installed LiteLLM: its models and signatures.

    python .ci/config_schema.py docs/config.schema.json

The schema helps with names, and with values that can be told to be wrong; it forbids no name, since LiteLLM hands many
on to providers and callbacks. ``os.environ/NAME`` is taken everywhere.
"""

import importlib
import inspect
import json
import os
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import SchemaError

from routeiq_syncd.configuration.rules import SECTIONS

REFERENCE = {"type": "string", "pattern": "^os\\.environ/"}
NUMERIC = {"type": "string", "pattern": "^[+-]?[0-9]+(\\.[0-9]+)?$"}
NOT_TOLD = (PydanticUserError, PydanticInvalidForJsonSchema, SchemaError, NameError, TypeError)
KINDS = (bool, int, float, str, list, dict)
Schema = dict[str, Any]


def config_schema() -> Schema:
    """Return the schema of the whole configuration."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import tries a download
    router = inspect.signature(importlib.import_module("litellm").Router).parameters
    types = importlib.import_module("litellm.proxy._types")
    deployment = importlib.import_module("litellm.types.router")
    sections: dict[str, Schema] = {
        name: {"type": ["object" if kind is dict else "array", "null"]} for name, kind in SECTIONS.items()
    }
    model = {
        "type": "object",
        "required": ["model_name", "litellm_params"],
        "properties": {
            "model_name": {"type": "string", "description": "what clients ask for; may hold a wildcard: openai/*"},
            "litellm_params": {**_of_model(deployment.LiteLLM_Params), "required": ["model"]},
            "model_info": {**_of_model(deployment.ModelInfo)},
        },
    }
    sections["model_list"] = {"type": ["array", "null"], "items": model}
    sections["general_settings"] = _of_model(types.ConfigGeneralSettings)
    sections["router_settings"] = _of_kinds(
        {name: parameter.annotation for name, parameter in router.items() if name != "self"}
    )
    sections["litellm_settings"] = _of_kinds(_kinds_of_module())
    sections["include"] = {"type": ["array", "null"], "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"config.yaml of LiteLLM {version('litellm')}",
        "type": "object",
        "properties": dict(sorted(sections.items())),
    }


def _of_model(model: type[BaseModel]) -> Schema:
    """Return the schema of a section that one of LiteLLM's models describes."""
    described = {name: field.description for name, field in model.model_fields.items() if field.description}
    section = _of_kinds({name: field.annotation for name, field in model.model_fields.items()})
    for name, text in described.items():
        section["properties"][name]["description"] = text
    return section


def _of_kinds(kinds: Mapping[str, Any]) -> Schema:
    properties = {name: _widened(_of_kind(kind)) for name, kind in sorted(kinds.items())}
    return {"type": ["object", "null"], "properties": properties}


def _of_kind(kind: Any) -> Schema | None:  # noqa: ANN401 - an annotation
    """Return the schema of ``kind``; None where it cannot be told, or needs definitions of its own."""
    own = isinstance(kind, type) and issubclass(kind, BaseModel)
    try:
        with warnings.catch_warnings(action="ignore"):
            adapter = TypeAdapter(kind, config=None if own else ConfigDict(arbitrary_types_allowed=True))
            schema = adapter.json_schema()
    except NOT_TOLD:
        return None
    return None if "$defs" in schema or not schema else _plain(schema)


def _plain(schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return ``schema`` without titles and defaults, which help nobody here."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key not in {"title", "default"}}
    return [_plain(value) for value in schema] if isinstance(schema, list) else schema


def _widened(schema: Schema | None) -> Schema:
    """Return ``schema`` with what LiteLLM takes besides: nothing, a reference, a number as a text."""
    if schema is None:
        return {}
    others: list[Schema] = [REFERENCE, {"type": "null"}]
    if '"integer"' in json.dumps(schema) or '"number"' in json.dumps(schema):
        others.append(NUMERIC)
    return {"anyOf": [schema, *others]}


def _kinds_of_module() -> dict[str, Any]:
    """Return the settings that LiteLLM keeps as names of its module, with their kinds."""
    module = importlib.import_module("litellm")
    held = {name: type(value) for name, value in vars(module).items() if type(value) in KINDS}
    annotated = inspect.get_annotations(module).items()
    kinds = held | {name: object if isinstance(kind, str) else kind for name, kind in annotated}
    return {
        name: kind for name, kind in kinds.items() if name.islower() and not name.startswith("_") and not of_data(name)
    }


def of_data(name: str) -> bool:
    """Whether a name of the module holds LiteLLM's own tables of models and providers."""
    return name.endswith(("_models", "_list", "_map", "_providers")) and name != "model_alias_map"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(config_schema(), indent=1, sort_keys=True) + "\n")
