import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_migrate.plan.grammar import scan
from routeiq_migrate.plan.script_kinds import ConcurrentIndex, concurrent_index, is_inert


@pytest.mark.parametrize(
    "script", ["", "-- only this", "SELECT 1", "select 1;;", "/* a /* b */ c */ SELECT 1;\n-- end"]
)
def test_what_is_inert(script: str) -> None:
    """Comments, also nested ones, and SELECT 1."""
    assert is_inert(script)


@pytest.mark.parametrize(
    "script",
    [
        "SELECT 2",
        "SELECT 1, 2",
        "DROP TABLE t",
        "-- x\nSELECT f()",
        "'SELECT 1'",
        "x",
        "/* x",
        "SELECT 1 'x",
        "';' SELECT 1",
    ],
)
def test_what_is_not_inert(script: str) -> None:
    """Anything else."""
    assert not is_inert(script)


@pytest.mark.parametrize(
    ("script", "index", "table"),
    [
        ('CREATE INDEX CONCURRENTLY "I" ON "T" (a)', "I", "T"),
        ("create unique index concurrently if not exists i on only T using gin (a);", "i", "t"),
        (
            '-- CREATE INDEX CONCURRENTLY x\n/* y */ CREATE INDEX CONCURRENTLY "a""b" ON "T"("c") WHERE x = \';\';',
            'a"b',
            "T",
        ),
        ("CREATE INDEX CONCURRENTLY i ON s.t (a)", "i", "t"),
        ("-- für\nCREATE INDEX CONCURRENTLY i ON t (a)", "i", "t"),
    ],
)
def test_a_concurrent_build_is_recognised(script: str, index: str, table: str) -> None:
    """A script that is one such statement, with its names, and the same statement without the word."""
    found = concurrent_index(script)
    assert isinstance(found, ConcurrentIndex)
    assert (found.index, found.table) == (index, table)
    words = [token.text for token in scan(found.plain)]
    assert "CONCURRENTLY" not in [word.upper() for word in words]
    assert [token.text for token in scan(script) if token.name != "CONCURRENTLY"] == words


@pytest.mark.parametrize(
    "script",
    [
        "CREATE INDEX i ON t (a)",
        "-- CONCURRENTLY\nCREATE INDEX i ON t (a)",
        "CREATE INDEX CONCURRENTLY i ON t (a); SELECT 2",
        "DROP INDEX CONCURRENTLY i",
        "SELECT 'CREATE INDEX CONCURRENTLY i ON t'",
        "DO $x$ BEGIN CREATE INDEX CONCURRENTLY i ON t (a); END $x$",
        "CREATE INDEX CONCURRENTLY",
        "CREATE INDEX CONCURRENTLY ON t (a)",
        "CREATE INDEX CONCURRENTLY i ON t (a) WHERE b = 'x",
    ],
)
def test_other_scripts_are_left_as_they_are(script: str) -> None:
    """The word in a comment, a string or a longer script makes no concurrent build."""
    assert concurrent_index(script) is None


@given(st.text("ab'\"$-/*;\n \\E()", max_size=60), st.integers(0, 60))
def test_any_text_is_one_kind_or_none(text: str, place: int) -> None:
    """No script is too odd for the question: the server has to say what is wrong with it."""
    script = f"{text[:place]} CREATE INDEX CONCURRENTLY i ON t (a) {text[place:]}"
    found = concurrent_index(script)
    assert found is None or (found.index, found.table) == ("i", "t")
    assert is_inert(script) in (False, True)
