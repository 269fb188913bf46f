import pytest

from routeiq_migrate.plan.destructive import COMPUTED_TYPE, dangers, narrows


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("DROP TABLE a, s.b", ['line 1: DROP TABLE "a"', 'line 1: DROP TABLE "s.b"']),
        ('\n-- c\nALTER TABLE "T" DROP COLUMN x, ADD y int', ['line 3: DROP COLUMN "T" column "x"']),
        ("SELECT 1;\n\nTRUNCATE a", ['line 3: TRUNCATE "a"']),
        ("WITH x AS (DELETE FROM a RETURNING 1) SELECT 1", ['line 1: DELETE "a"']),
        ("MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE", ['line 1: MERGE with DELETE "a"']),
        ("ALTER TABLE a ALTER b TYPE int", ['line 1: ALTER TYPE "a" column "b" to integer']),
        ("ALTER TABLE a ALTER b TYPE varchar(9)[]", ['line 1: ALTER TYPE "a" column "b" to character varying(9)[]']),
        ("DROP SCHEMA s", ["line 1: DROP SCHEMA"]),
        ("DROP TYPE t CASCADE", ["line 1: DROP TYPE"]),
        ("DROP TYPE t", []),
        ("DROP INDEX i; DROP VIEW v; DROP FUNCTION f", []),
        ("DO $$\nBEGIN\n IF true THEN\n  DROP TABLE a;\n END IF;\nEND $$", ['line 4: DROP TABLE "a"']),
        ("DO $$ BEGIN EXECUTE 'x'; END $$", ["line 1: EXECUTE of computed SQL"]),
        ("DO $$ BEGIN EXECUTE format('GRANT SELECT ON a TO %I', 'b'); END $$", ["line 1: EXECUTE of computed SQL"]),
        ("DO $$ DECLARE r text; BEGIN EXECUTE format('GRANT SELECT ON a TO %I', r); END $$", []),
        (
            "DO $$ DECLARE r text; BEGIN EXECUTE format('GRANT SELECT ON a TO %s', r); END $$",
            ["line 1: EXECUTE of computed SQL"],
        ),
        (
            "DO $$ DECLARE r text; BEGIN EXECUTE format('GRANT SELECT ON a TO %I; DROP TABLE a', r); END $$",
            ["line 1: EXECUTE of computed SQL"],
        ),
        (
            "DO $$ DECLARE r record; BEGIN\nFOR r IN DELETE FROM a RETURNING 1 LOOP END LOOP; END $$",
            ['line 2: DELETE "a"'],
        ),
        (
            "DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'x' LOOP END LOOP; END $$",
            ["line 1: EXECUTE of computed SQL"],
        ),
        ("DO $$ DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'x'; END $$", ["line 1: EXECUTE of computed SQL"]),
        ("DO $$ BEGIN PERFORM f(); IF EXISTS (SELECT 1) THEN NULL; END IF; END $$", []),
        ("DO LANGUAGE plpython3u $$ x $$", ["line 1: DO block in plpython3u"]),
        ("DROP OWNED BY r", ["line 1: DROP OWNED"]),
        ("ALTER TABLE a ALTER b TYPE text USING NULL", [f'line 1: {COMPUTED_TYPE} "a" column "b" to text']),
        ("ALTER TABLE a ALTER b TYPE text USING left(b, 1)", [f'line 1: {COMPUTED_TYPE} "a" column "b" to text']),
        ("ALTER TABLE a ALTER b TYPE text USING b::varchar::text", ['line 1: ALTER TYPE "a" column "b" to text']),
        (
            "ALTER TABLE a ALTER b TYPE timestamp(3)",
            ['line 1: ALTER TYPE "a" column "b" to timestamp(3) without time zone'],
        ),
        ("INSERT INTO a VALUES ('DROP TABLE a')", []),
        ("SELECT 'é'; \nDELETE FROM a", ['line 2: DELETE "a"']),
        ("SELECT 1;\n/* é\n-- /* */ */ -- c\n\nDROP TABLE a", ['line 5: DROP TABLE "a"']),
    ],
)
def test_destructive_statements_are_found_with_their_lines(script: str, expected: list[str]) -> None:
    """By PostgreSQL's grammar, wherever they stand."""
    assert [str(danger) for danger in dangers(script)] == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("integer", "bigint", False),
        ("bigint", "integer", True),
        ("integer", "text", False),
        ("text", "integer", True),
        ("character varying(10)", "character varying(20)", False),
        ("character varying(20)", "character varying(10)", True),
        ("character varying(20)", "character varying", False),
        ("text", "character varying(10)", True),
        ("real", "double precision", False),
        ("double precision", "real", True),
        ("json", "jsonb", False),
        ("numeric(10,2)", "numeric", False),
        ("timestamp with time zone", "date", True),
        ("integer", "integer", False),
        ("unheard of", "unknown", True),
    ],
)
def test_narrowing(old: str, new: str, *, expected: bool) -> None:
    """A change of type is harmless only where it is known to be."""
    assert narrows(old, new) is expected
