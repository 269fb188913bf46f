"""References of a configuration to variables: ``os.environ/NAME`` as a whole value, or at the end of a header."""

import re
from collections.abc import Mapping
from typing import Any

from routeiq_gateway.configuration.findings import Findings
from routeiq_gateway.configuration.harmless import REFERENCE, is_variable
from routeiq_gateway.configuration.loading import texts_of
from routeiq_gateway.configuration.redact import is_secret_name

TOKENS = "oidc/"
"""Such a name is no variable: LiteLLM asks the identity provider that it names for a token."""
PASS_THROUGH_HEADER = re.compile(r"general_settings\.pass_through_endpoints\[\d+\]\.headers\.")
HEADERS = re.compile(r"headers\.[^.]+$")


def examine_references(
    config: Mapping[str, Any], environment: Mapping[str, str], *, kept: frozenset[str] = frozenset()
) -> Findings:
    """Say which references in ``config`` lead to no variable, or to an empty one.

    With ``key_management_system`` set, a secret manager resolves such names elsewhere, so nothing is found.

    Args:
        config: the configuration; what of it LiteLLM does not load here is left out by the caller.
        environment: the variables as LiteLLM will see them.
        kept: names of the variables that are kept from LiteLLM because it is to use no database.
    """
    general = config.get("general_settings")
    if isinstance(general, Mapping) and general.get("key_management_system"):
        return Findings((), ())
    own = config.get("environment_variables")
    declared = frozenset(map(str, own)) if isinstance(own, Mapping) else frozenset()
    missing, warnings = [], []
    for where, text in texts_of(config):
        before, found, name = text.partition(REFERENCE)
        if not found or name.startswith(TOKENS):
            continue
        if before and not PASS_THROUGH_HEADER.match(where):
            if HEADERS.search(where) or is_secret_name(where.rpartition(".")[2]):
                warnings.append(
                    f"{where}: LiteLLM resolves a reference here only where it is the whole value, so this one is sent"
                    " as it stands; put the whole value into the variable"
                )
            continue
        shown = name if is_variable(name) else "named there"  # a secret may have been pasted there
        if environment.get(name):
            continue
        if name in environment:
            warnings.append(f"{where}: the environment variable {shown} is empty; set it or remove the reference")
        elif name in kept and where.startswith("general_settings."):
            continue  # that setting names LiteLLM's database, which LiteLLM is not to use
        elif name in kept:
            missing.append(
                f"{where}: the environment variable {shown} is kept from LiteLLM, which is to use no database; give the"
                " value in a variable of another name"
            )
        elif name in declared:
            warnings.append(
                f"{where}: the environment variable {shown} is set by environment_variables only, which LiteLLM reads"
                " after it resolves references, so this one may be empty; set the variable for the gateway"
            )
        else:
            missing.append(
                f"{where}: the environment variable {shown} is not set; set it for the gateway or correct the reference"
            )
    return Findings(tuple(missing), tuple(warnings))
