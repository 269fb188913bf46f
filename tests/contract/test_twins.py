"""What two members say alike stays alike, though they share no package."""

import ast
import itertools
import json
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import routeiq_migrate.database.url as of_migrate
import routeiq_migrate.errors
import routeiq_syncd.database.url as of_syncd
import routeiq_syncd.errors
from tests.support.processes import REPOSITORY

TWINS = {
    "database/connect.py": ("migrate", "syncd"),
    "configuration/harmless.py": ("gateway", "syncd"),
    "configuration/harmless_keys.py": ("gateway", "syncd"),
    "database/parts.py": ("migrate", "syncd"),
    "database/tls.py": ("migrate", "syncd"),
    "database/url.py": ("migrate", "syncd"),
    "runtime/lifeline.py": ("gateway", "syncd"),
    "runtime/known_secrets.py": ("migrate", "syncd"),
    "runtime/limits.py": ("gateway", "syncd"),
    "runtime/notify.py": ("gateway", "migrate", "syncd"),
    "runtime/logs.py": ("gateway", "migrate", "syncd"),
    "runtime/masked_output.py": ("gateway", "migrate", "syncd"),
    "runtime/parser.py": ("gateway", "migrate", "syncd"),
}
"""The modules that several members have in one and the same text, but for the member's own name."""

MEMBERS = ("gateway", "migrate", "syncd")
LONG = 6
"""A definition with fewer lines may stand twice: two members that need two lines each need no twin."""

GOLDEN = json.loads((REPOSITORY / "tests/contract/golden/database-urls.json").read_text())
READINGS: tuple[tuple[Callable[..., Any], type[Exception]], ...] = (
    (of_migrate.parse_url, routeiq_migrate.errors.SettingsError),
    (of_syncd.parse_url, routeiq_syncd.errors.SettingsError),
)
PARAMETERS = [
    *("host", "port", "user", "password", "dbname", "options", "application_name", "schema", "pgbouncer", "service"),
    *("sslmode", "sslaccept", "sslcert", "sslkey", "sslrootcert", "sslpassword", "ssl", "connect_timeout", "fancy"),
]
VALUES = ["", "x", "a,b", "/sock", "6432", "0", "true", "require", "verify-full", "strict", "%2C", "a+b", "%ff", "%00"]


def text_of(path: str, member: str) -> str:
    """Return the text of a module with the member's name taken out."""
    text = (REPOSITORY / member / "src" / f"routeiq_{member}" / path).read_text()
    return text.replace(f"routeiq_{member}", "routeiq_MEMBER")


@pytest.mark.parametrize("path", TWINS)
def test_twins_have_one_text(path: str) -> None:
    """Whoever mends one mends the others."""
    first, *others = (text_of(path, member) for member in TWINS[path])
    for other in others:
        assert other == first


def definitions(member: str) -> Iterator[tuple[str, str]]:
    """Yield the path of a module and the code of each long definition at its top, without docstrings and comments."""
    root = REPOSITORY / member / "src" / f"routeiq_{member}"
    for module in sorted(root.rglob("*.py")):
        path = str(module.relative_to(root))
        for node in ast.parse(text_of(path, member)).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
                        inner
                    ):
                        inner.body = inner.body[1:] or [ast.Pass()]
                code = ast.unparse(node)
                if code.count("\n") + 1 >= LONG:
                    yield path, code


def test_what_stands_twice_stands_in_a_twin() -> None:
    """No definition of several lines was copied from one member into another, but in the modules held alike here."""
    places = defaultdict(set)
    for member in MEMBERS:
        for path, code in definitions(member):
            if member not in TWINS.get(path, ()):
                places[code].add(f"{member}/{path}")
    copies = {code: found for code, found in places.items() if len({place.split("/")[0] for place in found}) > 1}
    assert copies == {}


def reading(url: str, parse: Callable[..., Any], refusal: type[Exception]) -> dict[str, Any] | str:
    """Return what a member makes of ``url``, or the sentence that refuses it."""
    try:
        target = parse(url)
    except refusal as error:
        return str(error)
    made = {**asdict(target), "server_settings": dict(target.server_settings), "unknown": list(target.unknown)}
    tls = {name: value for name, value in made["tls"].items() if value not in (False, None)}
    assert made.pop("setting") == "DATABASE_URL"
    return {**made, "tls": {**tls, "encryption": target.tls.encryption.name}}


def told(url: str, parse: Callable[..., Any], refusal: type[Exception]) -> str:
    """Return what people may get to see of ``url``: the traceback of its refusal, or the target as it is printed."""
    try:
        return repr(parse(url))
    except refusal as error:
        return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("case", GOLDEN["urls"], ids=lambda case: case["url"])
def test_one_reading_of_a_database_url(case: dict[str, Any]) -> None:
    """Each member makes the same of each URL, or refuses it in the same sentence, which quotes no password."""
    expected = case["refused"] if "refused" in case else GOLDEN["default"] | case["target"]
    for parse, refusal in READINGS:
        assert reading(case["url"], parse, refusal) == expected
        assert "hid" not in told(case["url"], parse, refusal), "all secrets of the table begin so"


@given(
    st.sampled_from(["h", "h:1", "u:p@h", "u:p@", "a,b", "[::1]:2", "%2Fsock", "h:x", ""]),
    st.lists(st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(VALUES)), max_size=5),
)
def test_any_parameters_mean_the_same_to_both(authority: str, parameters: list[tuple[str, str]]) -> None:
    """Whatever is put together, both take it alike or refuse it alike."""
    url = f"postgresql://{authority}/d?" + "&".join(f"{name}={value}" for name, value in parameters)
    first, second = (reading(url, *member) for member in READINGS)
    assert first == second


@example("@/", "?=")
@example("@/", "?a=")
@example("@:/?", "=")
@example("@", "/?a=")
@given(st.text("ab#/?@:%&=,+[] ", max_size=12), st.text("ab#/?@:%&=,+[] ", max_size=12))
def test_no_piece_of_an_unencoded_password_is_told(before: str, after: str) -> None:
    """A password with characters that should have been encoded shows in no refusal, nor as an unknown parameter."""
    urls = [f"postgresql://u:{before}SECRET{after}@h/d", f"postgresql://h/d?x=1&password={before}SECRET{after}"]
    for url, (parse, refusal) in itertools.product(urls, READINGS):
        assert "SECRET" not in told(url, parse, refusal)
