"""The operator's page says what the command does: its tables are compared with the code."""

import argparse
import re
from pathlib import Path

from routeiq_migrate import settings
from routeiq_migrate.__main__ import build_parser
from routeiq_migrate.database.url import DROPPED, REFUSED, parse_url
from routeiq_migrate.errors import Exit

PAGE = (Path(__file__).parents[3] / "docs" / "migrations.md").read_text()
ELSEWHERE = {"OTEL_*"}
"""What the page says of a whole family of variables."""


def cells(heading: str) -> list[list[str]]:
    """Return the table that begins with ``heading``, without its head."""
    _, _, rest = PAGE.partition(f"| {heading} |")
    assert rest, heading
    lines = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_exit_code_has_its_line() -> None:
    """Neither one too few nor one too many, and no two alike."""
    assert [int(line[0]) for line in cells("Code")] == sorted(Exit)
    assert len({line[1] for line in cells("Code")}) == len(Exit)


def test_every_command_and_option_has_its_place() -> None:
    """What the parser knows stands in the table of commands, and nothing else does."""
    documented = " ".join(line[0] for line in cells("Command"))
    action = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))  # noqa: SLF001
    options = {
        option
        for parser in action.choices.values()
        for entry in parser._actions  # noqa: SLF001
        for option in entry.option_strings
        if option.startswith("--") and option != "--help"
    }
    assert set(re.findall(r"--[a-z-]+", documented)) == options
    assert set(re.findall(r"`([a-z]+)", documented)) == set(action.choices)


def test_every_variable_is_read_and_every_read_variable_is_documented() -> None:
    """The settings that the code asks for are those that the table names."""
    asked: set[str] = set()

    class Watched(dict[str, str]):
        def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override] # narrower on purpose
            asked.add(name)
            return super().get(name, default)

    settings.read(Watched(DATABASE_URL="postgresql://h/d"))
    documented = {name for line in cells("Variable") for name in re.findall(r"`([A-Z_*]+)`", line[0])}
    assert documented - ELSEWHERE == {name for name in asked if not name.startswith("OTEL_")}


def test_every_parameter_of_the_url_is_known() -> None:
    """None of those that the table names is among those that nobody reads, and none that is dropped is left out."""
    documented = {name for line in cells("Parameter") for name in re.findall(r"`([a-z_]+)", line[0])}
    assert REFUSED.keys() <= documented
    for name in documented - REFUSED.keys():
        assert parse_url(f"postgresql://h/d?{name}=", setting="X").unknown == (), name
    lifetimes = {"max_connection_lifetime", "max_idle_connection_lifetime", "single_use_connections"}
    assert DROPPED - lifetimes <= documented
