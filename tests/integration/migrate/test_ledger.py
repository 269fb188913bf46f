# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""Each way a ledger can be wrong, and what the command makes of it."""

import hashlib
import json
from collections.abc import Callable

from tests.support.migrate import (
    BAD_SETTINGS,
    BEHIND,
    DONE,
    FAILED,
    LATE,
    REFUSED,
    Script,
    failed_row,
    is_current,
    ledger,
    migrate,
    rows_of,
    schema_dump,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer

History = Callable[[int], str]


def test_a_crash_that_committed_nothing_is_run_again(server: PostgresServer, late: str) -> None:
    """A row without end and without logs, whose script left nothing: the script runs, and the old row is closed."""
    script = shipped_scripts()[LATE]
    server.sql(failed_row(script), database=late)
    done = migrate("up", url=server.url(late))
    assert done.returncode == DONE, done.stderr
    assert rows_of(server, late, script) == ["f|t|0|NULL", "t|f|1|NULL"]
    assert is_current(server, late)


def test_a_crash_that_committed_all_is_recognised(server: PostgresServer, database: str, history: History) -> None:
    """A row without end whose script did take effect: recorded as applied, and nothing is applied twice."""
    position, script = strict_script()
    server.drop_database(database)
    server.create_database(database, template=history(position + 1))
    forget_success(server, database, script)
    done = migrate("up", url=server.url(database))
    assert done.returncode == DONE, done.stderr
    assert rows_of(server, database, script) == ["f|t|0|NULL", "t|f|0|"]
    assert is_current(server, database)


def test_a_crash_that_left_half_is_refused(server: PostgresServer, database: str, history: History) -> None:
    """Some objects there and one gone: nobody can tell what happened, so it stops and names what is missing."""
    position, script = strict_script()
    server.drop_database(database)
    server.create_database(database, template=history(position + 1))
    forget_success(server, database, script)
    server.sql('DROP TABLE "LiteLLM_WorkflowMessage"', database=database)
    before = ledger(server, database)
    done = migrate("up", url=server.url(database))
    assert done.returncode == REFUSED
    assert 'table \\"LiteLLM_WorkflowMessage\\"' in done.stderr
    assert script.name in done.stderr
    assert ledger(server, database) == before


def test_changes_without_any_row_are_reported_with_the_way_out(
    server: PostgresServer, database: str, history: History
) -> None:
    """Somebody made the objects by hand: the script fails at the first, and the advice, taken, goes on from there."""
    position, script = strict_script()
    server.drop_database(database)
    server.create_database(database, template=history(position + 1))
    url = server.url(database)
    server.sql(f"DELETE FROM _prisma_migrations WHERE migration_name = '{script.name}'", database=database)
    done = migrate("up", url=url)
    assert done.returncode == FAILED
    assert "42P07" in done.stderr
    assert f"resolve --applied '{script.name}'" in done.stderr
    assert len(ledger(server, database)) == position
    assert migrate("resolve", "--applied", script.name, url=url).returncode == DONE
    assert migrate("up", url=url).returncode == DONE
    assert is_current(server, database)


def strict_script() -> tuple[int, Script]:
    """Return a script, and its place, that cannot run twice: it has no IF NOT EXISTS."""
    scripts = shipped_scripts()
    position = next(i for i, script in enumerate(scripts) if script.name == "20260429161855_workflow_runs_tables")
    return position, scripts[position]


def forget_success(server: PostgresServer, database: str, script: Script) -> None:
    """Leave of ``script`` the row of a process that was killed after its script had committed."""
    server.sql(
        f"DELETE FROM _prisma_migrations WHERE migration_name = '{script.name}'; {failed_row(script)}",
        database=database,
    )


def test_a_failure_with_logs_stops_until_somebody_resolves_it(server: PostgresServer, late: str) -> None:
    """Prisma's P3009, and both ways out of it."""
    url = server.url(late)
    script = shipped_scripts()[LATE]
    server.sql(failed_row(script, logs='\'column "x" of relation "y" does not exist\''), database=late)
    before = schema_dump(server, late)
    stopped = migrate("up", url=url)
    assert stopped.returncode == REFUSED
    assert script.name in stopped.stderr
    assert "resolve --rolled-back" in stopped.stderr
    assert schema_dump(server, late) == before
    status = migrate("status", "--json", url=url)
    assert status.returncode == BEHIND
    assert script.name in json.loads(status.stdout)["blocked"]

    assert migrate("resolve", "--rolled-back", script.name, url=url).returncode == DONE
    assert migrate("up", url=url).returncode == DONE
    assert [row.split("|")[:3] for row in rows_of(server, late, script)] == [["f", "t", "0"], ["t", "f", "1"]]
    assert is_current(server, late)


def test_a_failure_can_be_resolved_as_applied(server: PostgresServer, late: str) -> None:
    """``resolve --applied`` leaves Prisma's rows: the failed one closed, and one with no step and empty logs."""
    url = server.url(late)
    script = shipped_scripts()[LATE]
    server.sql(script.path.read_text() + failed_row(script, logs="'boom'"), database=late)
    assert migrate("resolve", "--applied", script.name, url=url).returncode == DONE
    assert rows_of(server, late, script) == ["f|t|0|boom", "t|f|0|"]
    assert migrate("up", url=url).returncode == DONE
    assert is_current(server, late)
    again = migrate("resolve", "--applied", script.name, url=url)
    assert again.returncode == REFUSED
    assert migrate("resolve", "--rolled-back", script.name, url=url).returncode == REFUSED
    assert migrate("resolve", "--applied", "nonsense", url=url).returncode == BAD_SETTINGS
    assert migrate("resolve", "--rolled-back", "nonsense", url=url).returncode == BAD_SETTINGS


def test_a_deadlock_in_the_logs_is_tried_again(server: PostgresServer, late: str) -> None:
    """As LiteLLM does: a deadlock rolled everything back, so the migration simply runs."""
    script = shipped_scripts()[LATE]
    server.sql(failed_row(script, logs="'ERROR: deadlock detected'"), database=late)
    assert migrate("up", url=server.url(late)).returncode == DONE
    assert rows_of(server, late, script) == ["f|t|0|ERROR: deadlock detected", "t|f|1|NULL"]


def test_a_step_that_succeeded_only_lacks_its_end(server: PostgresServer, late: str) -> None:
    """One step, no logs, the same checksum: the row gets its end, and the script is not run again."""
    script = shipped_scripts()[LATE]
    server.sql(script.path.read_text() + failed_row(script, steps=1), database=late)
    assert migrate("up", url=server.url(late)).returncode == DONE
    assert rows_of(server, late, script) == ["t|f|1|NULL"]
    assert is_current(server, late)


def test_a_failure_of_a_script_that_is_inert_by_now_is_run_again(server: PostgresServer, database: str) -> None:
    """LiteLLM emptied two migrations after they had failed for people; their failed rows stop nobody."""
    assert migrate("up", url=server.url(database)).returncode == DONE
    script = next(script for script in shipped_scripts() if script.name.startswith("20260823000000_"))
    failed = failed_row(script, logs="'timeout'")
    server.sql(f"DELETE FROM _prisma_migrations WHERE migration_name = '{script.name}'; {failed}", database=database)
    assert migrate("up", url=server.url(database)).returncode == DONE
    assert rows_of(server, database, script) == ["f|t|0|timeout", "t|f|1|NULL"]


def test_an_edited_migration_warns_and_passes(server: PostgresServer, late: str) -> None:
    """Prisma passes over a checksum that differs; so do we, and say it."""
    name = shipped_scripts()[3].name
    server.sql(f"UPDATE _prisma_migrations SET checksum = 'x' WHERE migration_name = '{name}'", database=late)
    done = migrate("up", url=server.url(late))
    assert done.returncode == DONE
    assert name in done.stderr
    status = migrate("status", "--json", url=server.url(late))
    assert json.loads(status.stdout)["edited"] == [name]
    assert status.returncode == DONE


def test_line_ends_of_windows_are_no_edit(server: PostgresServer, late: str) -> None:
    """The checksum of the same script with CRLF counts as equal, as in Prisma."""
    script = shipped_scripts()[3]
    checksum = hashlib.sha256(script.path.read_bytes().replace(b"\n", b"\r\n")).hexdigest()
    server.sql(
        f"UPDATE _prisma_migrations SET checksum = '{checksum}' WHERE migration_name = '{script.name}'", database=late
    )
    assert migrate("up", url=server.url(late)).returncode == DONE
    assert json.loads(migrate("status", "--json", url=server.url(late)).stdout)["edited"] == []


def test_a_migration_that_is_not_on_disk_is_ignored(server: PostgresServer, late: str) -> None:
    """An applied migration that nobody ships any more does not stop the rest."""
    server.sql(Script("20240101000000_gone", shipped_scripts()[0].path).recorded, database=late)
    done = migrate("up", url=server.url(late))
    assert done.returncode == DONE
    assert json.loads(migrate("status", "--json", url=server.url(late)).stdout)["ahead"] == []


def test_a_database_ahead_of_this_image_is_left_alone(server: PostgresServer, database: str) -> None:
    """A newer release was here: warned, nothing changed (not even an index), exit 0."""
    url = server.url(database)
    assert migrate("up", url=url).returncode == DONE
    server.sql(
        Script("29990101000000_future", shipped_scripts()[0].path).recorded
        + 'DROP INDEX "LiteLLM_SpendLogs_litellm_call_id_idx"',
        database=database,
    )
    before = schema_dump(server, database)
    done = migrate("up", url=url)
    assert done.returncode == DONE
    assert "29990101000000_future" in done.stderr
    assert schema_dump(server, database) == before
    assert migrate("wait", "--limit", "0", url=url).returncode == DONE
    assert json.loads(migrate("status", "--json", url=url).stdout)["ahead"] == ["29990101000000_future"]


def test_tables_without_a_ledger_are_refused(server: PostgresServer, database: str) -> None:
    """Prisma's P3005: somebody's tables, and no word of what was applied."""
    server.sql("CREATE TABLE somebodys (id int)", database=database)
    before = schema_dump(server, database)
    done = migrate("up", url=server.url(database))
    assert done.returncode == REFUSED
    assert "P3005" in done.stderr
    assert "baseline" in done.stderr
    assert migrate("plan", url=server.url(database)).returncode == REFUSED
    status = migrate("status", url=server.url(database))
    assert status.returncode == BEHIND
    assert status.stdout.startswith("blocked: ")
    assert schema_dump(server, database) == before


def test_views_and_postgis_are_not_tables(server: PostgresServer, database: str) -> None:
    """Only ordinary tables make a schema non-empty, and PostGIS's catalogue does not."""
    server.sql("CREATE VIEW v AS SELECT 1; CREATE TABLE spatial_ref_sys (id int)", database=database)
    assert migrate("up", url=server.url(database)).returncode == DONE
