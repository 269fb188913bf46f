"""Which rights a script needs, by kind of statement; tried on a server in `tests/integration/migrate/rights`."""

import pytest

from routeiq_migrate.plan.needs import Need, needs, tables_of

OWNER_T = Need("relation", "OWNER", "", "t")
MAKES = Need("schema", "CREATE")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", set()),
        ("SELECT 1; SET x = 1", set()),
        ("CREATE TEMP TABLE t (id int)", set()),
        ("CREATE TABLE IF NOT EXISTS t (id int)", {MAKES}),
        (
            "CREATE TABLE s.t (id int REFERENCES o (id))",
            {Need("schema", "CREATE", "s"), Need("relation", "REFERENCES", "", "o")},
        ),
        ("CREATE TABLE p PARTITION OF t DEFAULT", {MAKES, OWNER_T}),
        ("CREATE TABLE n AS SELECT * FROM t", {MAKES, Need("relation", "SELECT", "", "t")}),
        ("CREATE VIEW v AS SELECT * FROM t", {MAKES, Need("relation", "SELECT", "", "t")}),
        ("CREATE INDEX CONCURRENTLY i ON t (id)", {MAKES, OWNER_T}),
        ("ALTER TABLE t ADD COLUMN a int, ALTER b TYPE text", {OWNER_T}),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES s.o (id)", {OWNER_T, Need("relation", "REFERENCES", "s", "o")}),
        ("ALTER TABLE t RENAME a TO b", {OWNER_T, MAKES}),
        ("DROP TABLE s.t; DROP INDEX t", {Need("relation", "OWNER", "s", "t"), OWNER_T}),
        ("DROP TRIGGER IF EXISTS g ON t", {OWNER_T}),
        ("DROP TYPE e", {Need("type", "OWNER", "", "e")}),
        ("DROP FUNCTION f(int)", {Need("function", "OWNER", "", "f")}),
        ("DROP SCHEMA s CASCADE", {Need("schema", "OWNER", "s")}),
        ("CREATE TYPE e AS ENUM ('a')", {MAKES}),
        ("ALTER TYPE s.e ADD VALUE 'b'", {Need("type", "OWNER", "s", "e")}),
        ("ALTER TYPE e RENAME TO f", {Need("type", "OWNER", "", "e")}),
        ("CREATE SCHEMA s", {Need("database", "CREATE")}),
        ("CREATE EXTENSION IF NOT EXISTS citext", {Need("extension", "CREATE", "", "citext")}),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", {MAKES}),
        (
            "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
            {Need("relation", "TRIGGER", "", "t")},
        ),
        ("CREATE POLICY p ON t USING (true)", {OWNER_T}),
        ("TRUNCATE t", {Need("relation", "TRUNCATE", "", "t")}),
        ("INSERT INTO t VALUES (1)", {Need("relation", "INSERT", "", "t")}),
        ("INSERT INTO t SELECT * FROM o", {Need("relation", "INSERT", "", "t"), Need("relation", "SELECT", "", "o")}),
        ("UPDATE t SET a = 1", {Need("relation", "UPDATE", "", "t")}),
        ("DELETE FROM t WHERE a = 1", {Need("relation", "DELETE", "", "t"), Need("relation", "SELECT", "", "t")}),
        ("DO $$ BEGIN IF true THEN ALTER TABLE t ADD a int; END IF; END $$", {OWNER_T}),
        ("DO $$ BEGIN FOR i IN 1..2 LOOP DROP TABLE t; END LOOP; END $$", {OWNER_T}),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$", set()),
        ("DO LANGUAGE plpython3u 'x'", set()),
        ("DROP TABEL t", set()),
    ],
)
def test_a_statement_needs_what_the_server_asks_for(script: str, expected: set[Need]) -> None:
    """No right more, which would stop a run that could be done, and none less that a statement shows."""
    assert needs(script) == expected


def test_the_tables_of_a_script() -> None:
    """What it changes and what it reads."""
    assert tables_of("ALTER TABLE a ADD b int; INSERT INTO c SELECT * FROM d") == {"a", "c", "d"}
