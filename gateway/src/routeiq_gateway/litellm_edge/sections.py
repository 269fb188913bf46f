"""Names and kinds of values in ``router_settings`` and ``litellm_settings``, judged by LiteLLM's own signatures.

LiteLLM takes a text where a number stands, and fails requests later; a name that it does not know it leaves aside.
"""

import difflib
import importlib
import inspect
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from routeiq_gateway.configuration.findings import Findings
from routeiq_gateway.configuration.harmless import REFERENCE, shown_key, shown_text

PROXY = "litellm.proxy.proxy_server"
READERS = (PROXY, "litellm.proxy.common_utils.callback_utils")
"""The modules in which LiteLLM reads settings of ``litellm_settings`` by name."""
WORD = re.compile(r"\w+")
QUOTED = re.compile(r"[\"'](\w+)[\"']")
NUMBERS = frozenset({"int", "float"})
OF_NUMBERS = NUMBERS | {"Optional", "Union", "None", "NoneType", "typing"}
NO_NUMERIC_TEXT = frozenset({"default_max_parallel_requests", "max_fallbacks", "num_retries", "retry_after"})
"""The numbers that LiteLLM compares as they stand, so that a text of digits fails requests, or their fallbacks."""
KINDS = {str: "text", bool: "truth value", int: "number", float: "number", list: "list", dict: "mapping"}
LONGEST_NAME = 80


def examine_sections(config: Mapping[str, Any], environment: Mapping[str, str]) -> Findings:
    """Say which settings of ``router_settings`` and ``litellm_settings`` LiteLLM cannot use, or does not know.

    Called before LiteLLM starts on ``config``, since a start changes the values that kinds are read from.

    Args:
        config: the configuration with its includes, references unresolved.
        environment: the variables as LiteLLM will see them.
    """
    wrong: list[str] = []
    doubts: list[str] = []
    for section, annotations in (("router_settings", _of_router()), ("litellm_settings", _of_module())):
        for name, value in _items(config, section):
            where = f"{section}.{name if name in annotations else shown_key(name)}"
            if name not in annotations:
                if section == "router_settings" or not _known_elsewhere(name, config[section]):
                    doubts.append(f"{where}: LiteLLM knows no such setting{_hint(name, annotations)}")
                continue
            expected = annotations[name]
            found = _resolved(value, environment)
            if not _is_number(expected) or found is None or isinstance(found, int | float):
                continue
            sentence = f"{where}: expected a number ({expected}), found a {_kind(found)}"
            if isinstance(found, str) and _numeric(found) and name not in NO_NUMERIC_TEXT:
                doubts.append(f"{sentence} that holds a number; write it without quotes")
            elif isinstance(value, str) and value.startswith(REFERENCE):
                wrong.append(f"{sentence}: a variable always gives a text here; write the number into the file")
            else:
                wrong.append(f"{sentence}; write it as a number without quotes")
    return Findings((*wrong, *_wrong_key(config), *_wrong_cache(config, environment)), tuple(doubts))


def _wrong_key(config: Mapping[str, Any]) -> Iterator[str]:
    key = dict(_items(config, "general_settings")).get("master_key")
    if key is not None and not isinstance(key, str):
        yield f"general_settings.master_key: expected a text, found a {_kind(key)}; write it as one text, in quotes"


def misfits(config: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each value of another kind than LiteLLM's own signatures declare.

    LiteLLM takes many of these, so none is a reason to refuse. Where LiteLLM does not start, its error names no
    setting, and these are the likely ones. Called before the start, as `examine_sections` is.
    """
    found = (_sections_that_are_none, _misfits_of_sections, _misfits_of_models, _empty_settings)
    return [sentence for finds in found for sentence in finds(config)] or _only_setting(config)


def _sections_that_are_none(config: Mapping[str, Any]) -> Iterator[str]:
    for section in ("router_settings", "litellm_settings", "general_settings", "environment_variables"):
        if not isinstance(config.get(section), Mapping | None):
            yield f"{section}: expected a mapping, found a {_kind(config[section])}"
    models = config.get("model_list")
    if not isinstance(models, list | None):
        yield f"model_list: expected a list, found a {_kind(models)}"


def _misfits_of_sections(config: Mapping[str, Any]) -> Iterator[str]:
    router = inspect.signature(importlib.import_module("litellm").Router.__init__).parameters
    general = importlib.import_module("litellm.proxy._types").ConfigGeneralSettings.model_fields
    declared = {
        "router_settings": {name: parameter.annotation for name, parameter in router.items()},
        "general_settings": {name: described.annotation for name, described in general.items()},
        # A name of the module that holds nothing yet has its kind as an argument of the router.
        "litellm_settings": {name: parameter.annotation for name, parameter in router.items()} | _kinds_of_module(),
    }
    for section, kinds in declared.items():
        for name, value in _items(config, section):
            if name in kinds and not _fits(value, _adapter(kinds[name])):
                yield f"{section}.{name[:LONGEST_NAME]}: {_expected(kinds[name], value)}"


def _only_setting(config: Mapping[str, Any]) -> list[str]:
    """Where no value is of another kind, name the setting if the configuration has but one."""
    sections = ("router_settings", "litellm_settings", "general_settings")
    names = [f"{section}.{shown_key(name)}" for section in sections for name, _ in _items(config, section)]
    return [f"{name}: LiteLLM may not take this value" for name in names] if len(names) == 1 else []


def _empty_settings(config: Mapping[str, Any]) -> Iterator[str]:
    """LiteLLM declares for many settings that they may be nothing, and fails on nothing all the same."""
    for section in ("router_settings", "litellm_settings", "general_settings"):
        for name, value in _items(config, section):
            if value is None:
                yield f"{section}.{shown_key(name)}: found nothing; write a value, or leave the line out"


def _misfits_of_models(config: Mapping[str, Any]) -> Iterator[str]:
    models = config.get("model_list")
    fields = importlib.import_module("litellm.types.router").LiteLLM_Params.model_fields
    kinds = {name: described.annotation for name, described in fields.items()}
    adapters: dict[str, TypeAdapter[Any] | None] = {}
    for at, model in enumerate(models if isinstance(models, list) else ()):
        where = f"model_list[{at}]"
        if not isinstance(model, Mapping):
            yield f"{where}: expected a mapping, found a {_kind(model)}"
            continue
        for name, kind in (("model_name", str), ("litellm_params", dict), ("model_info", dict)):
            value = model.get(name)
            if not isinstance(value, kind) and not (name == "model_info" and value is None):
                yield f"{where}.{name}: {_expected(kind, value)}"
        for name, value in _items(model, "litellm_params"):
            if name in kinds and name not in adapters:
                adapters[name] = _adapter(kinds[name])
            if name in kinds and not _fits(value, adapters[name]):
                yield f"{where}.litellm_params.{name}: {_expected(kinds[name], value)}"


def _kinds_of_module() -> dict[str, Any]:
    module = importlib.import_module("litellm")
    held = {name: type(value) for name, value in vars(module).items() if type(value) in KINDS}
    return held | {name: kind for name, kind in inspect.get_annotations(module).items() if not isinstance(kind, str)}


def _adapter(kind: Any) -> TypeAdapter[Any] | None:  # noqa: ANN401 - an annotation
    """Return what judges values of ``kind``; None for a kind that cannot be told."""
    own = isinstance(kind, type) and issubclass(kind, BaseModel)
    try:
        with warnings.catch_warnings(action="ignore"):  # pydantic's doubts about LiteLLM's own annotations
            return TypeAdapter(kind, config=None if own else ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, SchemaError, NameError, TypeError):
        return None


def _fits(value: object, adapter: TypeAdapter[Any] | None) -> bool:
    if adapter is None or value is None or (isinstance(value, str) and value.startswith(REFERENCE)):
        return True
    try:
        adapter.validate_python(value)
    except ValidationError:
        return False
    except (PydanticUserError, NameError, TypeError):
        return True  # the kind cannot be told
    return True


def _expected(kind: Any, value: object) -> str:  # noqa: ANN401 - an annotation
    wanted = KINDS.get(kind) or inspect.formatannotation(kind).replace("typing.", "")[:LONGEST_NAME]
    return f"expected a {wanted}, found {'nothing' if value is None else f'a {_kind(value)}'}"


def _wrong_cache(config: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    settings = dict(_items(config, "litellm_settings"))
    on = settings.get("cache")
    if on is not None and not isinstance(on, bool):
        yield f"litellm_settings.cache: expected true or false, found a {_kind(on)}: LiteLLM fails requests with it"
    if on is not True:
        return  # LiteLLM builds no cache, and reads no parameters of one
    kind = _resolved(dict(_items(settings, "cache_params")).get("type"), environment)
    known = [str(item.value) for item in importlib.import_module("litellm.types.caching").LiteLLMCacheType]
    if kind is not None and kind not in known:
        shown = repr(shown_text(kind)) if isinstance(kind, str) else f"a {_kind(kind)}"
        yield (
            f"litellm_settings.cache_params.type: LiteLLM knows no cache of type {shown}{_hint(str(kind), known)};"
            f" expected one of {', '.join(known)}"
        )


def _items(config: Mapping[str, Any], section: str) -> Iterator[tuple[str, Any]]:
    below = config.get(section)
    if isinstance(below, Mapping):
        yield from ((str(name), value) for name, value in below.items())


def _of_router() -> dict[str, str]:
    """Return the settings that LiteLLM hands to its router, with their annotations."""
    kept_back = importlib.import_module(PROXY).ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
    router = importlib.import_module("litellm").Router
    parameters = inspect.signature(router.__init__).parameters
    return {
        name: inspect.formatannotation(parameters[name].annotation)
        for name in router.get_valid_args()
        if name not in kept_back
    }


def _of_module() -> dict[str, str]:
    """Return the settings that LiteLLM keeps as names of its module, with their annotations or the kinds they have."""
    module = importlib.import_module("litellm")
    held = {
        name: type(value).__name__
        for name, value in vars(module).items()
        if not name.startswith("_") and not callable(value) and not inspect.ismodule(value)
    }
    declared = {name: inspect.formatannotation(value) for name, value in inspect.get_annotations(module).items()}
    return held | {name: value.strip("'") for name, value in declared.items()}


def _known_elsewhere(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether ``name`` is read by the proxy or by a callback, or loaded by LiteLLM when it is asked for."""
    own = settings.get("callbacks")
    if name.removesuffix("_params") in (own if isinstance(own, list) else [own]):
        return True  # LiteLLM hands a callback its parameters by the callback's name
    quoted = (QUOTED.findall(inspect.getsource(importlib.import_module(module))) for module in READERS)
    return hasattr(importlib.import_module("litellm"), name) or any(name in words for words in quoted)


def _is_number(annotation: str) -> bool:
    words = set(WORD.findall(annotation))
    return bool(words & NUMBERS) and words <= OF_NUMBERS


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _resolved(value: Any, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - any YAML value
    """Return ``value``, or what its variable holds; None where that is unknown, which other checks tell."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return environment.get(value.removeprefix(REFERENCE)) or None
    return value


def _kind(value: object) -> str:
    return next((word for kind, word in KINDS.items() if isinstance(value, kind)), type(value).__name__)


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name[:LONGEST_NAME], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
