# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""Advice that is given works: each test takes a message at its word, and sees that the next ``up`` goes through.

`tests/support/advice.py` lists every sentence of advice with the test that follows it.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.migrate import (
    BAD_SETTINGS,
    DONE,
    FAILED,
    LATE,
    REFUSED,
    REQUEST_LOG,
    Script,
    failed_row,
    is_current,
    migrate,
    shipped_scripts,
)
from tests.support.migrate_steps import told, up
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer
from tests.support.rights import extra_folder

History = Callable[[int], str]
HALF = "20260429161855_workflow_runs_tables"


@pytest.mark.parametrize("way", ["--applied", "--rolled-back"])
def test_half_of_an_earlier_attempt(server: PostgresServer, database: str, history: History, way: str) -> None:
    """What is missing is added and resolved as applied, or the rest is removed and resolved as rolled back."""
    position = next(i for i, script in enumerate(shipped_scripts()) if script.name == HALF)
    server.drop_database(database)
    server.create_database(database, template=history(position + 1))
    script = shipped_scripts()[position]
    server.sql(
        f"DELETE FROM _prisma_migrations WHERE migration_name = '{HALF}'; {failed_row(script)}", database=database
    )
    server.sql('DROP TABLE "LiteLLM_WorkflowMessage"', database=database)
    url = server.url(database)
    message = told(migrate("up", url=url), REFUSED, 'missing table "LiteLLM_WorkflowMessage"')
    assert f"resolve {way}" in message
    tables = server.sql("SELECT tablename FROM pg_tables WHERE tablename LIKE 'LiteLLM_Workflow%'", database=database)
    server.sql("".join(f'DROP TABLE "{table}" CASCADE;' for table in tables), database=database)
    if way == "--applied":
        server.sql(script.path.read_text(), database=database)
    assert migrate("resolve", way, HALF, url=url).returncode == DONE
    up(url)
    assert is_current(server, database)


def test_a_script_that_is_not_sql(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """Corrected, it runs."""
    settings = extra_folder(tmp_path, "DROP TABEL t")
    told(migrate("up", url=server.url(late), **settings), REFUSED, "Correct it")
    (tmp_path / "migrations/20990101000000_extra/migration.sql").write_text("CREATE TABLE t (id int)")
    up(server.url(late), **settings)


def test_what_would_destroy_data(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """Allowed with the very words of the message, it runs."""
    server.sql("CREATE TABLE t AS SELECT 1 AS id", database=late)
    settings = extra_folder(tmp_path, "DROP TABLE t")
    message = told(migrate("up", url=server.url(late), **settings), REFUSED, "allow them by name: --allow-destructive")
    words = message.partition("allow them by name: ")[2].replace("'", "").split()
    assert migrate("up", *words, url=server.url(late), **settings).returncode == DONE


@pytest.mark.parametrize("command", [("baseline", "--through"), ("resolve", "--applied")])
def test_a_name_that_is_misspelt(server: PostgresServer, late: str, command: tuple[str, str]) -> None:
    """The name that the message proposes is one that the command takes."""
    name = shipped_scripts()[LATE].name
    server.sql(shipped_scripts()[LATE].path.read_text(), database=late)
    message = told(migrate(*command, name[:-2], url=server.url(late)), BAD_SETTINGS, "Did you mean ")
    proposed = message.partition("Did you mean '")[2].partition("'")[0]
    assert proposed == name
    assert migrate(*command, proposed, url=server.url(late)).returncode == DONE
    up(server.url(late))
    told(migrate(*command, "nonsense", url=server.url(late)), BAD_SETTINGS, f"from '{shipped_scripts()[0].name}' to ")


def test_a_proof_that_cannot_be_made(server: PostgresServer, whole: str) -> None:
    """A trigger of the database forbids schemas: gone, the proof is made."""
    server.sql(
        "DROP TABLE _prisma_migrations; CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE 'no schemas here'; END $$; CREATE EVENT TRIGGER no ON ddl_command_start "
        "WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION no()",
        database=whole,
    )
    told(migrate("baseline", url=server.url(whole)), REFUSED, "no schemas here")
    server.sql("DROP EVENT TRIGGER no", database=whole)
    assert migrate("baseline", url=server.url(whole)).returncode == DONE
    up(server.url(whole))


def test_a_schema_that_lacks_something(server: PostgresServer, whole: str) -> None:
    """What the message lists is added, and the schema is recorded."""
    server.sql('DROP TABLE _prisma_migrations; DROP INDEX "LiteLLM_SpendLogs_startTime_idx"', database=whole)
    message = told(migrate("baseline", url=server.url(whole)), REFUSED, "Add them")
    definition = message.partition("index ")[2].partition("\n")[0]
    server.sql(definition, database=whole)
    assert migrate("baseline", url=server.url(whole)).returncode == DONE
    up(server.url(whole))


def test_a_failure_that_is_looked_for_under_another_name(server: PostgresServer, late: str) -> None:
    """``status``, which the message names, shows the failed migration's name, which ``resolve`` takes."""
    failed, other = shipped_scripts()[LATE : LATE + 2]
    server.sql(failed_row(failed, logs="'boom'"), database=late)
    url = server.url(late)
    told(migrate("resolve", "--rolled-back", other.name, url=url), BAD_SETTINGS, "`status` shows what failed")
    shown = migrate("status", url=url).stdout.partition("attempt at migration '")[2].partition("'")[0]
    assert shown == failed.name
    assert migrate("resolve", "--rolled-back", shown, url=url).returncode == DONE
    up(url)


def test_objects_of_every_later_migration(server: PostgresServer, whole: str) -> None:
    """Rows are gone and all objects are there: the advice at the first failure names ``baseline``, which is enough."""
    server.sql(f"DELETE FROM _prisma_migrations WHERE migration_name >= '{HALF}'", database=whole)
    told(migrate("up", url=server.url(whole)), FAILED, "`routeiq-migrate baseline`")
    assert migrate("baseline", url=server.url(whole)).returncode == DONE
    up(server.url(whole))


def test_objects_that_are_in_the_way(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """Another's table of that name is removed, and the migration runs."""
    settings = extra_folder(tmp_path, "CREATE TABLE t (id int)")
    server.sql("CREATE TABLE t (name text)", database=late)
    told(migrate("up", url=server.url(late), **settings), FAILED, "otherwise remove what is there")
    server.sql("DROP TABLE t", database=late)
    up(server.url(late), **settings)


def test_tables_of_somebody_else(server: PostgresServer, database: str) -> None:
    """LiteLLM in a schema of its own leaves them alone."""
    server.sql("CREATE TABLE somebodys (id int)", database=database)
    told(migrate("up", url=server.url(database)), REFUSED, "(?schema=)")
    up(server.url(database, query="schema=litellm"))
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=database) == ["1"]


def test_a_transaction_that_may_only_read(server: PostgresServer, whole: str, tmp_path: Path) -> None:
    """A server that turns read-only in the middle of a run: with the writer's URL the next run is done."""
    script = (
        "DO $$ BEGIN IF current_setting('test.reader', true) = 'yes' THEN SET TRANSACTION READ ONLY; END IF; END $$;"
        "CREATE TABLE t (id int)"
    )
    settings = extra_folder(tmp_path, script)
    reader = server.url(whole, query="options=-c%20test.reader%3Dyes")
    told(migrate("up", url=reader, **settings), FAILED, "Point DATABASE_URL or DIRECT_URL at the writer")
    up(reader, DIRECT_URL=server.url(whole), **settings)


@pytest.mark.parametrize("way", ["ended", "raised"])
def test_a_lock_whose_holder_cannot_be_told(server: PostgresServer, whole: str, tmp_path: Path, way: str) -> None:
    """A computed statement, a short limit and a holder: once that has ended, or with a longer limit, it runs."""
    script = "DO $$ BEGIN PERFORM set_config('lock_timeout', '{}ms', true); EXECUTE 'LOCK TABLE te' || 'st'; END $$"
    settings = extra_folder(tmp_path, script.format(20))
    server.sql("CREATE TABLE test (id int)", database=whole)
    path = tmp_path / "migrations/20990101000000_extra/migration.sql"
    allowed = ("--allow-destructive", "20990101000000_extra")
    hold = "BEGIN; LOCK TABLE test; SELECT pg_sleep(6);"
    psql = [str(server.binaries / "psql"), server.url(whole), "-c", hold]
    with subprocess.Popen(psql, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as holder:
        held = "SELECT count(*) FROM pg_locks WHERE relation = 'test'::regclass AND mode = 'AccessExclusiveLock'"
        while server.sql(held, database=whole) == ["0"]:
            assert holder.poll() is None
        told(migrate("up", *allowed, url=server.url(whole), **settings), FAILED, "raise lock_timeout")
        if way == "raised":
            path.write_text(script.format(60000))
        else:
            holder.wait(timeout=30)
        assert migrate("up", *allowed, url=server.url(whole), **settings).returncode == DONE


def test_an_index_behind_a_pooler(server: PostgresServer, whole: str) -> None:
    """Broken, or missing on a large table: with DIRECT_URL both are built."""
    up(server.url(whole))
    server.sql(
        f'DROP INDEX "{REQUEST_LOG[0]}"; UPDATE pg_index SET indisvalid = false '
        "WHERE indexrelid = '\"LiteLLM_SpendLogs_startTime_idx\"'::regclass",
        database=whole,
    )
    with running_pgbouncer(server) as port:
        pooled = server.url(whole).replace(f":{server.port}/", f":{port}/")
        message = told(
            migrate("up", url=pooled, ROUTEIQ_LARGE_TABLE_MB="0"), FAILED, "without blocking writers; set DIRECT"
        )
        assert "it cannot be rebuilt: set DIRECT_URL" in message
        up(pooled, DIRECT_URL=server.url(whole), ROUTEIQ_LARGE_TABLE_MB="0")


def test_a_name_of_an_index_that_is_taken(server: PostgresServer, whole: str) -> None:
    """The other table's index is renamed, and ours is built."""
    server.sql(f'CREATE TABLE other (a int); CREATE INDEX "{REQUEST_LOG[0]}" ON other (a)', database=whole)
    told(migrate("up", url=server.url(whole)), FAILED, "rename that one")
    server.sql(f'ALTER INDEX "{REQUEST_LOG[0]}" RENAME TO another', database=whole)
    up(server.url(whole))


def test_a_folder_without_a_script(server: PostgresServer, whole: str, tmp_path: Path) -> None:
    """The file is restored, or converted to UTF-8, or the folder removed."""
    settings = extra_folder(tmp_path, "CREATE TABLE t (id int)")
    folder = tmp_path / "migrations/20990101000000_extra"
    script = (folder / "migration.sql").read_text()
    (folder / "migration.sql").unlink()
    told(migrate("up", url=server.url(whole), **settings), REFUSED, "Restore the file or remove the folder")
    (folder / "migration.sql").write_bytes(b"-- gr\xfcn\n" + script.encode())
    told(migrate("up", url=server.url(whole), **settings), REFUSED, "Convert it")
    (folder / "migration.sql").write_text(f"-- grün\n{script}")
    up(server.url(whole), **settings)
    (folder / "migration.sql").unlink()
    folder.rmdir()
    up(server.url(whole), **settings)


def test_a_row_of_another_release(server: PostgresServer, late: str) -> None:
    """P3009 for a migration that is not on disk, whose changes are there: recorded, and the rest runs."""
    gone = Script("20240101000000_gone", shipped_scripts()[0].path)
    server.sql(failed_row(gone, logs="'boom'"), database=late)
    told(migrate("up", url=server.url(late)), REFUSED, f"resolve --applied '{gone.name}'")
    assert migrate("resolve", "--applied", gone.name, url=server.url(late)).returncode == DONE
    up(server.url(late))
