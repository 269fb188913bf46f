"""Every option and variable of LiteLLM's command line is honoured or refused, and the reference says which."""

import re

import pytest

from routeiq_gateway.litellm_edge.command_line.options import OPTIONS
from tests.support import command_line
from tests.support.processes import REPOSITORY

REFERENCE = (REPOSITORY / "docs/reference.md").read_text()
TABLE = {option.option: option for option in OPTIONS if option.option}
VARIABLES = {option.variable: option for option in OPTIONS if option.variable}


def test_every_option_of_the_installed_litellm_stands_in_the_table() -> None:
    """No option and no variable that LiteLLM's own command reads is missing, and none is there that it lacks."""
    options, pooler = command_line.options()
    assert set(options) == set(TABLE)
    for option, variable in options.items():
        assert variable is None or TABLE[option].variable == variable
    assert pooler <= set(VARIABLES)


def test_every_variable_that_the_command_reads_stands_in_the_table() -> None:
    """What its modules read from the environment by name is known here."""
    assert command_line.variables() - set(VARIABLES) == set()


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_the_reference_names_every_variable(name: str) -> None:
    """Whoever comes from LiteLLM finds each variable, and what to do instead where it is refused."""
    line = next((line for line in REFERENCE.splitlines() if re.search(rf"`{name}(=\w+)?`", line)), "")
    assert line, f"docs/reference.md does not name {name}"
    option = VARIABLES[name]
    assert ("refused" in line) is bool(option.advice), line
