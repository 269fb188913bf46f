# The statements of tests are put together from names of their own.
"""Invariant 9: nothing destructive happens unasked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.migrate import DONE, REFUSED, is_current, ledger, migrate, shipped_scripts
from tests.support.postgres import PostgresServer

DROP_COLUMN = "20250918083359_drop_spec_version_column_from_mcp_table"


@pytest.fixture
def before_drop(server: PostgresServer, database: str, history: Callable[[int], str]) -> str:
    """The name of a database whose next migration is LiteLLM's that drops ``spec_version`` of its MCP servers."""
    position = next(i for i, script in enumerate(shipped_scripts()) if script.name == DROP_COLUMN)
    server.drop_database(database)
    server.create_database(database, template=history(position))
    return database


def with_extra(folder: Path, script: str) -> dict[str, str]:
    """Lay an operator's own migration into ``folder``; return the setting that names it."""
    place = folder / "migrations" / "20990101000000_operators_own"
    place.mkdir(parents=True)
    (place / "migration.sql").write_text(script)
    return {"LITELLM_MIGRATION_DIR": str(folder)}


def test_litellms_drop_of_a_column_in_use_needs_permission(server: PostgresServer, before_drop: str) -> None:
    """The column holds something: refused before anything changes, with name and line; allowed by name it runs."""
    url = server.url(before_drop)
    server.sql(
        'INSERT INTO "LiteLLM_MCPServerTable" (server_id, url, transport, spec_version) '
        "VALUES ('s', 'http://x', 'sse', '2025-03-26')",
        database=before_drop,
    )
    count = len(ledger(server, before_drop))
    refused = migrate("up", url=url)
    assert refused.returncode == REFUSED
    assert (
        f'{DROP_COLUMN}, line 8: DROP COLUMN \\"LiteLLM_MCPServerTable\\" column \\"spec_version\\"' in refused.stderr
    )
    assert f"--allow-destructive '{DROP_COLUMN}'" in refused.stderr
    assert len(ledger(server, before_drop)) == count
    plan = migrate("plan", url=url)
    assert f'{DROP_COLUMN}\n  destructive, line 8: DROP COLUMN "LiteLLM_MCPServerTable"' in plan.stdout
    assert "needs --allow-destructive" in plan.stdout
    other = migrate("up", "--allow-destructive", "another", url=url)
    assert other.returncode == REFUSED
    assert migrate("up", "--allow-destructive", DROP_COLUMN, url=url).returncode == DONE
    assert is_current(server, before_drop)


def test_litellms_drop_of_an_empty_column_goes_ahead(server: PostgresServer, before_drop: str) -> None:
    """Rows are there, but the column holds nothing: no permission is needed, and the plan says why."""
    server.sql(
        'ALTER TABLE "LiteLLM_MCPServerTable" ALTER spec_version DROP NOT NULL, ALTER spec_version DROP DEFAULT;'
        'INSERT INTO "LiteLLM_MCPServerTable" (server_id, url, transport, spec_version) '
        "VALUES ('s', 'http://x', 'sse', NULL)",
        database=before_drop,
    )
    assert "allowed: empty" in migrate("plan", url=server.url(before_drop)).stdout
    assert migrate("up", url=server.url(before_drop)).returncode == DONE


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ('DROP TABLE "t"', 'DROP TABLE "t"'),
        ('/* a comment\n*/ ALTER TABLE "t" DROP COLUMN "c"', 'line 3: DROP COLUMN "t" column "c"'),
        ("TRUNCATE t", 'TRUNCATE "t"'),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", 'DELETE "t"'),
        ("ALTER TABLE t ALTER c TYPE varchar(3)", 'ALTER TYPE "t" column "c" to character varying(3)'),
        ("DO $$ BEGIN\n  DELETE FROM t;\nEND $$", 'line 3: DELETE "t"'),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE ' || 't'; END $$", "EXECUTE of computed SQL"),
        ("DROP SCHEMA elsewhere CASCADE", "DROP SCHEMA"),
    ],
)
def test_an_operators_own_migration_is_judged_even_on_an_empty_table(
    server: PostgresServer, late: str, tmp_path: Path, statement: str, complaint: str
) -> None:
    """What LiteLLM did not ship needs permission for every destructive statement, wherever it hides."""
    server.sql("CREATE TABLE t (c text, d int); CREATE SCHEMA elsewhere", database=late)
    extra = with_extra(tmp_path, f"SELECT 1;\n{statement};\n")
    refused = migrate("up", url=server.url(late), **extra)
    assert refused.returncode == REFUSED
    assert complaint.replace('"', '\\"') in refused.stderr
    assert "20990101000000_operators_own" in refused.stderr
    assert len(ledger(server, late)) == 200
    allowed = migrate("up", "--allow-destructive", "20990101000000_operators_own", url=server.url(late), **extra)
    assert allowed.returncode == DONE, allowed.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ALTER d TYPE bigint",
        "ALTER TABLE t ALTER c TYPE text",
        "DROP INDEX IF EXISTS nothing",
        "UPDATE t SET c = 'DROP TABLE t; DELETE FROM t'",
        "COMMENT ON TABLE t IS 'TRUNCATE t'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'",
    ],
)
def test_what_destroys_nothing_needs_no_permission(
    server: PostgresServer, late: str, tmp_path: Path, statement: str
) -> None:
    """Widening, and words in strings, comments and function bodies, are no danger: the grammar tells, not a pattern."""
    server.sql("CREATE TABLE t (c varchar(99), d int)", database=late)
    done = migrate("up", url=server.url(late), **with_extra(tmp_path, f"-- DROP TABLE t;\n{statement};\n"))
    assert done.returncode == DONE, done.stderr


def test_rows_that_an_earlier_migration_brings_are_seen(
    server: PostgresServer, before_drop: str, tmp_path: Path
) -> None:
    """Empty when the plan was made, filled by a migration before it: checked again right before, and refused."""
    place = tmp_path / "migrations" / DROP_COLUMN.replace("20250918083359", "20250918083358")
    place.mkdir(parents=True)
    (place / "migration.sql").write_text(
        'INSERT INTO "LiteLLM_MCPServerTable" (server_id, url, transport, spec_version) '
        "VALUES ('s', 'http://x', 'sse', '2025-03-26')"
    )
    refused = migrate("up", url=server.url(before_drop), LITELLM_MIGRATION_DIR=str(tmp_path))
    assert refused.returncode == REFUSED
    assert DROP_COLUMN in refused.stderr
    assert server.sql('SELECT spec_version FROM "LiteLLM_MCPServerTable"', database=before_drop) == ["2025-03-26"]


def test_a_script_that_is_not_sql_is_refused(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """What the grammar cannot read cannot be judged."""
    done = migrate("up", url=server.url(late), **with_extra(tmp_path, "DROP TABEL t"))
    assert done.returncode == REFUSED
    assert "cannot be read as SQL" in done.stderr
