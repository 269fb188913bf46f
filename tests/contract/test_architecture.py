"""``ARCHITECTURE.md`` leads through the code: what it names is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY

TEXT = (REPOSITORY / "ARCHITECTURE.md").read_text()
STOP = re.compile(r"^\d+\. `(?P<path>[^`]+\.py)` `(?P<name>[\w.]+)`", re.MULTILINE)
ROOM = re.compile(r"^\| `(?P<room>[a-z_/]+)/` \|", re.MULTILINE)
MOST_STOPS = 10
MEMBERS = {"gateway": "routeiq_gateway", "syncd": "routeiq_syncd", "migrate": "routeiq_migrate"}
WAYS = ("The way of a configuration change", "The way of a rollback", "The way of a request", "The way of a migration")


def section(title: str) -> str:
    """Return the text under a heading of the third level."""
    found = re.search(rf"^### {re.escape(title)}$(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"no heading {title!r}"
    return found[1]


def package(path: str) -> Path:
    """Return the file that a stop names, as ``member/room/module.py``."""
    member, _, rest = path.partition("/")
    return REPOSITORY / member / "src" / MEMBERS[member] / rest


@pytest.mark.parametrize("way", WAYS)
def test_each_way_has_at_most_ten_stops_and_each_stop_exists(way: str) -> None:
    """A newcomer follows with a finger: each stop is a function of a file."""
    stops = list(STOP.finditer(section(way)))
    assert 4 <= len(stops) <= MOST_STOPS
    for stop in stops:
        names = {
            f"{above.name}.{node.name}" if above else node.name
            for above, node in definitions(ast.parse(package(stop["path"]).read_text()))
        }
        assert stop["name"] in names, f"{stop['path']} has no {stop['name']}"


def definitions(
    tree: ast.Module,
) -> list[tuple[ast.ClassDef | None, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Return functions and classes of a module with the class around each, if any."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    top = [(None, node) for node in tree.body if isinstance(node, kinds)]
    inner = [(node, below) for _, node in top if isinstance(node, ast.ClassDef) for below in node.body]
    return top + [(node, below) for node, below in inner if isinstance(below, kinds)]


def test_the_map_names_every_room_and_no_other() -> None:
    """Each folder of each member has its line in the map."""
    rooms = set()
    for member, name in MEMBERS.items():
        top = REPOSITORY / member / "src" / name
        rooms |= {f"{member}/{path.parent.relative_to(top)}" for path in top.rglob("__init__.py") if path.parent != top}
    assert {match["room"] for match in ROOM.finditer(section("The map of the rooms"))} == rooms
