"""The variables that count when the gateway starts, and never again: secret files, which may change, cannot set them.

LiteLLM reads hundreds of variables when it is imported, which the parent does once. Which, is noted as it reads them,
so that a release of LiteLLM that reads others is right too.
"""

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from typing import Any

from routeiq_gateway.configuration.overrides import PREFIX
from routeiq_gateway.litellm_edge.command_line.options import OPTIONS

OURS = re.compile(r"ROUTEIQ_|LLMROUTER_")
PROCESS = re.compile(r"LD_|PYTHON")
"""What the loader and Python read when a process begins."""
IN_PARENT = frozenset({"USE_AWS_KMS", "CONFIG_FILE_PATH", "WORKER_CONFIG"})
REFUSED = frozenset(option.variable for option in OPTIONS if option.advice) - {""}
SET_IT = "set it in the environment, and remove the file"


@contextlib.contextmanager
def noting_reads() -> Iterator[set[str]]:
    """Note the variables that are read by their names; one that a walk through all of them comes by is not noted."""
    names: set[str] = set()
    environment: Any = os.environ  # the two attributes are declared for both names and values, and differ in type
    encode, decode = environment.encodekey, environment.decodekey
    passed: set[str] = set()

    def noting(name: str) -> Any:  # noqa: ANN401 - bytes on Linux
        if name in passed:
            passed.remove(name)
        else:
            names.add(name)
        return encode(name)

    def passing(key: Any) -> str:  # noqa: ANN401 - as above
        name = str(decode(key))
        passed.add(name)
        return name

    environment.encodekey, environment.decodekey = noting, passing
    try:
        yield names
    finally:
        environment.encodekey, environment.decodekey = encode, decode


def why_fixed(name: str, *, settings: Collection[str], at_import: Collection[str]) -> str | None:
    """Return why the variable ``name`` cannot come from a file that may change, None where it can.

    Args:
        name: of the variable.
        settings: the names of the gateway's own settings.
        at_import: the variables that LiteLLM's import has read.
    """
    if OURS.match(name) or name in settings:
        return f"it is a setting, which is read when a process starts; {SET_IT}"
    if name.startswith(PREFIX) and "__" in name:
        return (
            "it overrides the configuration, which is read when the gateway starts; refer to os.environ/NAME in the"
            " configuration, and name the file NAME"
        )
    if name in REFUSED:
        return "LiteLLM's command line reads it, and the gateway does not; remove the file"
    if name in IN_PARENT or name in at_import or PROCESS.match(name):
        return f"LiteLLM reads it when it is imported, and never again until the gateway starts anew; {SET_IT}"
    return None
