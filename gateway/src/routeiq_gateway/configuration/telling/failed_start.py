"""Why LiteLLM did not start: what it raised, and which setting that is about."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from routeiq_gateway.configuration.harmless import shown_path, shown_text
from routeiq_gateway.configuration.loading import texts_of
from routeiq_gateway.configuration.telling.naming import Naming
from routeiq_gateway.configuration.telling.reasons import first_line, sentence

BLAMED = {"UnsafeMasterKeyError": "general_settings.master_key"}
"""The settings that LiteLLM's own errors are about, by the name of the error."""
NOT_BUILT = re.compile(r"Could not build the '(.+?)' callback configured in litellm_settings: ")
"""How LiteLLM says at its start that a callback's package is missing."""
MOST_SUSPECTS = 5


def start_failed(
    config: Mapping[str, Any], error: BaseException | None, naming: Naming, suspects: Sequence[str] = ()
) -> str:
    """Return the reason for which LiteLLM did not start on ``config``, with the setting at fault where that is known.

    Args:
        config: the configuration with its includes.
        error: what ended the start, None where nothing is known of it.
        naming: what messages call the configuration's parts.
        suspects: what was found in the configuration that may be why.
    """
    known = error and _not_imported(config, error, naming)
    if known:
        return naming.tell(known)
    setting, said = BLAMED.get(type(error).__name__, ""), f"LiteLLM {_said(error)}"
    return naming.tell(f"{setting}: {said}") if setting else blame(said, naming, suspects)


def blame(said: str, naming: Naming, suspects: Sequence[str]) -> str:
    """Return ``said``, which names no setting, with ``suspects`` before it, or the file where there are none."""
    told = "; ".join(map(naming.tell, suspects[:MOST_SUSPECTS]))
    return f"{told}; {said}" if told else f"{naming.file}: {said}"


def _said(error: BaseException | None) -> str:
    match error:
        case None:
            return "did not start, without a reason"
        case SystemExit():
            return f"ended the process at its start (exit code {error.code}); its log says why"
        case _:
            return f"refused it: {type(error).__name__}: {sentence(error)}"


def _not_imported(config: Mapping[str, Any], error: BaseException, naming: Naming) -> str | None:
    steps = naming.own_places(error)
    cause = error.__cause__ if isinstance(error, ImportError) and error.__cause__ else error
    built = NOT_BUILT.match(str(error))
    for where, text in texts_of(config):
        if built and text == built[1] and where.startswith("litellm_settings."):
            return f"{where}: {shown_text(text)!r} cannot be used: {first_line(cause)}"
        module, dot, instance = text.rpartition(".")
        file = module.replace(".", "/") + ".py"
        said = {f"Could not import {instance} from {module}", f"module {module!r} has no attribute {instance!r}"}
        if dot and (str(error) in said or (steps and steps[0][0] == file)):
            at = "{}:{}: ".format(*steps[-1]) if steps else ""
            told = f"{where}: {shown_text(text)!r} cannot be imported: {at}{naming.clean(first_line(cause))}"
            return f"{told}{_import_hint(cause, module)}"
    return None


def _import_hint(cause: BaseException, module: str) -> str:
    match cause:
        case ImportError():
            name = (cause.name if isinstance(cause, ModuleNotFoundError) else None) or module
            beside = shown_path(name.replace(".", "/"))
            return (
                f"; {beside}.py, or a package {beside}, is looked for beside the configuration, then an installed"
                " module of that name"
            )
        case FileNotFoundError():
            return "; a file that a module reads is part of the revision where ROUTEIQ_CONFIG_FILES names it to syncd"
        case _:
            return ""
