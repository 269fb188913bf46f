"""A statement that fails: its reason and advice are told, rows that the server quotes are not (invariant 10)."""

from pathlib import Path

import pytest

from tests.support.migrate import (
    DONE,
    FAILED,
    LATE,
    ledger,
    migrate,
    rows_of,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer


def test_missing_rights_are_named(server: PostgresServer, late: str) -> None:
    """A user who does not own the tables: the migration fails, is rolled back, and the advice names the user."""
    server.sql(
        "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'pw-guest'; "
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest; GRANT CREATE ON SCHEMA public TO guest",
        database=late,
    )
    before = ledger(server, late)
    done = migrate("up", url=server.url(late, user="guest", password="pw-guest"))
    assert done.returncode == FAILED
    assert "42501" in done.stderr
    assert "owner" in done.stderr
    assert "'guest'" in done.stderr
    assert ledger(server, late) == before
    server.sql("DROP OWNED BY guest; DROP ROLE guest", database=late)


def test_a_statement_timeout_can_be_repeated(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """The server cancels a script: rolled back with its row, the setting named; the next run completes."""
    script = shipped_scripts()[LATE]
    folder = tmp_path / "migrations" / "20990101000000_slow"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT pg_sleep(current_setting('test.sleep', true)::int)")
    server.sql(f'ALTER DATABASE "{late}" SET statement_timeout = \'300ms\'; ALTER DATABASE "{late}" SET test.sleep = 5')
    extra = {"LITELLM_MIGRATION_DIR": str(tmp_path)}
    done = migrate("up", url=server.url(late), **extra)
    assert done.returncode == FAILED
    assert "statement_timeout" in done.stderr
    assert rows_of(server, late, script) == ["t|f|1|NULL"]
    assert not [line for line in ledger(server, late) if line.startswith("20990101")]
    server.sql(f'ALTER DATABASE "{late}" RESET statement_timeout; ALTER DATABASE "{late}" SET test.sleep = 0')
    assert migrate("up", url=server.url(late), **extra).returncode == DONE


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('CREATE UNIQUE INDEX u ON "LiteLLM_Config" (param_value)', "could not create unique index"),
        ("""SELECT (param_value #>> '{}')::int FROM "LiteLLM_Config" c""", "invalid input syntax for type integer"),
        ("""SELECT (param_value #>> '{}')::date FROM "LiteLLM_Config" c""", "invalid input syntax for type date"),
    ],
)
def test_rows_that_the_server_quotes_are_not_printed(
    server: PostgresServer, late: str, tmp_path: Path, script: str, reason: str
) -> None:
    """PostgreSQL quotes data, keys for one, in its DETAIL and of a value it cannot read: neither is printed."""
    folder = tmp_path / "migrations" / "20990101000000_bad"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(script)
    server.sql(
        'INSERT INTO "LiteLLM_Config" (param_name, param_value) '
        "VALUES ('a', '\"sk-hidden \\\" sk-hidden\"'), ('b', '\"sk-hidden \\\" sk-hidden\"')",
        database=late,
    )
    done = migrate("up", url=server.url(late), LITELLM_MIGRATION_DIR=str(tmp_path), LOG_LEVEL="DEBUG")
    assert done.returncode == FAILED
    assert reason in done.stderr
    assert "sk-hidden" not in done.stderr + done.stdout


def test_a_ledger_that_may_not_be_read_is_an_error_not_a_traceback(server: PostgresServer, late: str) -> None:
    """A user without any right: every command ends with a sentence and an exit code of its own."""
    server.sql("DROP ROLE IF EXISTS nobody_here; CREATE ROLE nobody_here LOGIN PASSWORD 'n'", database=late)
    for command in ("up", "status", "plan"):
        done = migrate(command, url=server.url(late, user="nobody_here", password="n"))
        assert done.returncode == FAILED
        assert "permission denied" in done.stderr
        assert "Traceback" not in done.stderr
    server.sql("DROP ROLE nobody_here", database=late)
