"""Callbacks of a configuration: whether LiteLLM knows each, and whether each can be used.

LiteLLM keeps a name that it does not know and never calls it, and finds out at the first request that the package of a
callback is missing; then every request fails.
"""

import difflib
import importlib
import importlib.util
import inspect
import logging
import re
from collections.abc import Mapping
from logging.handlers import BufferingHandler
from typing import Any

from routeiq_gateway.configuration.loading import texts_of
from routeiq_gateway.configuration.reasons import shorten
from routeiq_gateway.configuration.redact import REFERENCE

LOGGING = "litellm.litellm_core_utils.litellm_logging"
SOURCES = (LOGGING, "litellm.proxy.common_utils.callback_utils", "litellm._service_logger")
"""The modules in which LiteLLM compares a callback with the names that it knows."""
COMPARED = re.compile(r"callback == \"(\w+)\"")
LISTS = ("callbacks", "success_callback", "failure_callback", "service_callback", "audit_log_callbacks")
ON_REQUEST = ("success_callback", "failure_callback", "input_callback")
"""The lists whose callbacks LiteLLM builds at the first request."""
INSTALLED_BY_PIP = {"sentry": "sentry_sdk", "slack": "slack_bolt", "supabase": "supabase"}
"""The callbacks for which LiteLLM runs pip where their module is missing, by module: a gateway installs nothing."""
NOT_BUILT = re.compile(r"Could not build the '(.+?)' callback configured in litellm_settings: ")
"""How LiteLLM says at its start that a callback's package is missing."""
MOST_BYTES = 300


def refused_names(config: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each callback in ``config`` that LiteLLM does not know."""
    section = config.get("litellm_settings")
    settings = section if isinstance(section, Mapping) else {}
    sentences = []
    for name in LISTS:
        value = settings.get(name)
        place = f"litellm_settings.{name}"
        if isinstance(value, str) and name != "callbacks":
            sentences.append(f"{place}: expected a list of callbacks, found a text; write [{value[:80]}]")
            continue
        one = isinstance(value, str)
        for at, callback in enumerate([value] if one else value if isinstance(value, list) else ()):
            if isinstance(callback, str) and "." not in callback and not _known(callback, config):
                sentences.append(f"{place if one else f'{place}[{at}]'}: {_unknown(callback)}")
    return sentences


def unusable() -> list[str]:
    """Build the callbacks that LiteLLM would build at the first request; return a sentence for each that cannot be."""
    litellm, known = importlib.import_module("litellm"), importlib.import_module(LOGGING)
    sentences = [
        f"litellm_settings.callbacks: {callback!r} cannot be used: {_why_not(callback)}"
        for callback in litellm.callbacks
        if isinstance(callback, str)
    ]
    built = []
    for name in ON_REQUEST:
        for callback in getattr(litellm, name):
            if callback in built:
                continue
            built.append(callback)
            module = INSTALLED_BY_PIP.get(callback) if isinstance(callback, str) else None
            if module is not None and importlib.util.find_spec(module) is None:
                sentences.append(f"litellm_settings.{name}: {callback!r} needs the Python module {module}; install it")
                continue
            try:
                known.set_callbacks([callback])
            except Exception as error:  # noqa: BLE001 - whatever a callback raises is the reason to report
                shown = callback if isinstance(callback, str) else type(callback).__name__
                sentences.append(f"litellm_settings.{name}: {shown!r} cannot be used: {_first_line(error)}")
    if built and not sentences:
        vars(importlib.import_module("litellm.utils"))["callback_list"] = (
            built  # else the first request builds them once more
        )
    return sentences


def not_imported(config: Mapping[str, Any], error: BaseException) -> str | None:
    """Return what to say of ``error`` where LiteLLM could not import what a text of ``config`` names, else None."""
    built = NOT_BUILT.match(str(error))
    for where, text in texts_of(config, ""):
        module, dot, instance = text.rpartition(".")
        cause = _first_line(error.__cause__ or error)
        if built and text == built[1] and where.startswith("litellm_settings."):
            return f"{where}: {text!r} cannot be used: {cause}"
        if dot and str(error) == f"Could not import {instance} from {module}":
            beside = module.replace(".", "/") + ".py"
            return (
                f"{where}: {text!r} cannot be imported: {cause}; {beside} is looked for beside"
                " config.yaml, then an installed module of that name"
            )
    return None


def _known(callback: str, config: Mapping[str, Any]) -> bool:
    if callback.startswith(REFERENCE):
        return False
    own = config.get("callback_settings")
    if isinstance(own, Mapping) and callback in own:
        return True
    generic = importlib.import_module("litellm.integrations.generic_api.generic_api_callback")
    return callback in _names() or bool(generic.is_callback_compatible(callback))


def _names() -> frozenset[str]:
    """Return the names of callbacks that LiteLLM compares with or lists."""
    listed = importlib.import_module("litellm")._known_custom_logger_compatible_callbacks  # noqa: SLF001 - LiteLLM's only list
    compared = (COMPARED.findall(inspect.getsource(importlib.import_module(name))) for name in SOURCES)
    return frozenset(listed).union(*compared)


def _unknown(callback: str) -> str:
    if callback.startswith(REFERENCE):
        return "LiteLLM resolves no reference in a list of callbacks; write the name itself"
    close = difflib.get_close_matches(callback[:80], _names(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "give a name of LiteLLM's, or module.object of your own"
    return f"LiteLLM knows no callback {callback[:80]!r}; {hint}"


def _why_not(callback: str) -> str:
    """Build ``callback`` once more, and return what LiteLLM logs of the failure."""
    handler = BufferingHandler(capacity=100)
    log = logging.getLogger("LiteLLM")
    log.addHandler(handler)
    try:
        importlib.import_module(LOGGING)._init_custom_logger_compatible_class(callback, None, None)  # noqa: SLF001 - LiteLLM's only way
    finally:
        log.removeHandler(handler)
    errors = [record.exc_info[1] for record in handler.buffer if record.exc_info and record.exc_info[1]]
    return _first_line(errors[-1]) if errors else "LiteLLM does not load it and does not say why"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return shorten(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__, MOST_BYTES)
