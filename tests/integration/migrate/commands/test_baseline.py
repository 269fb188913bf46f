"""Giving a ledger the rows it lacks, all or some, once the schema proves to be complete."""

from collections.abc import Callable

import pytest

from tests.support.migrate import DONE, REFUSED, failed_row, ledger, migrate, schema_dump, shipped_scripts
from tests.support.postgres import PostgresServer

FUNCTION = "litellm_bump_mcp_catalog_revision"


@pytest.fixture
def unrecorded(server: PostgresServer, database: str, history: Callable[[int], str]) -> str:
    """The name of a database with LiteLLM's whole schema and no ledger."""
    server.drop_database(database)
    server.create_database(database, template=history(len(shipped_scripts())))
    server.sql("DROP TABLE _prisma_migrations", database=database)
    return database


def test_a_complete_schema_is_recorded_as_prisma_would(server: PostgresServer, unrecorded: str) -> None:
    """Every migration gets the row of a baseline (no step, empty logs); nothing else changes, and ``up`` goes on."""
    url = server.url(unrecorded)
    before = schema_dump(server, unrecorded)
    assert migrate("up", url=url).returncode == REFUSED
    done = migrate("baseline", url=url)
    assert done.returncode == DONE, done.stderr
    rows = ledger(server, unrecorded)
    assert sorted(row.split("|")[0] for row in rows) == sorted(script.name for script in shipped_scripts())
    assert {row.split("|", 2)[2] for row in rows} == {"t|f|0|"}
    after = server.run("pg_dump", "-s", "-T", "_prisma_migrations", database=unrecorded).stdout
    assert [line for line in before.splitlines() if "LiteLLM" in line] == [
        line for line in after.splitlines() if "LiteLLM" in line
    ]
    assert server.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'routeiq%'", database=unrecorded) == []
    assert migrate("up", url=url).returncode == DONE
    assert migrate("baseline", url=url).returncode == REFUSED


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        ('ALTER TABLE "LiteLLM_Config" DROP COLUMN reload_revision', '"LiteLLM_Config".reload_revision'),
        ('DROP TABLE "LiteLLM_AuditLog"', 'table "LiteLLM_AuditLog"'),
        ('ALTER TABLE "LiteLLM_TagTable" DROP CONSTRAINT "LiteLLM_TagTable_budget_id_fkey"', "budget_id_fkey"),
        ('DROP INDEX "LiteLLM_SpendLogs_startTime_idx"', "LiteLLM_SpendLogs_startTime_idx"),
        ('DROP TRIGGER litellm_mcp_catalog_revision ON "LiteLLM_MCPServerTable"', "litellm_mcp_catalog_revision"),
        (
            'ALTER TABLE "LiteLLM_MCPServerTable" DISABLE TRIGGER litellm_mcp_catalog_revision',
            "litellm_mcp_catalog_revision",
        ),
        ('ALTER TABLE "LiteLLM_SpendLogs" ALTER spend DROP DEFAULT', '"LiteLLM_SpendLogs".spend'),
        ("ALTER TYPE \"JobStatus\" RENAME VALUE 'INACTIVE' TO 'OFF'", 'type "JobStatus" (ACTIVE, INACTIVE)'),
        (
            f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
            f"function {FUNCTION}()",
        ),
    ],
)
def test_anything_missing_is_named_and_nothing_recorded(
    server: PostgresServer, unrecorded: str, damage: str, missing: str
) -> None:
    """One table, column, default, index, constraint, trigger, enum value or function's body less: no proof."""
    server.sql(damage, database=unrecorded)
    done = migrate("baseline", url=server.url(unrecorded))
    assert done.returncode == REFUSED
    assert missing in done.stderr.replace('\\"', '"')
    assert server.sql("SELECT to_regclass('_prisma_migrations') IS NULL", database=unrecorded) == ["t"]


def test_an_older_schema_is_recorded_up_to_where_it_is(
    server: PostgresServer, database: str, history: Callable[[int], str]
) -> None:
    """``--through`` records the migrations that the schema proves to hold; ``up`` applies the rest."""
    server.drop_database(database)
    server.create_database(database, template=history(200))
    server.sql("DROP TABLE _prisma_migrations", database=database)
    url = server.url(database)
    assert migrate("baseline", url=url).returncode == REFUSED
    assert migrate("baseline", "--through", shipped_scripts()[199].name, url=url).returncode == DONE
    assert len(ledger(server, database)) == 200
    assert migrate("up", url=url).returncode == DONE
    assert migrate("baseline", "--through", "nonsense", url=url).returncode != DONE


@pytest.mark.parametrize(
    "kept",
    [
        "false",
        "migration_name < (SELECT migration_name FROM _prisma_migrations ORDER BY 1 OFFSET 100 LIMIT 1)",
        "hashtext(migration_name) % 3 <> 0",
        "migration_name NOT IN (SELECT max(migration_name) FROM _prisma_migrations)",
    ],
    ids=["none", "the first hundred", "two of three", "all but the last"],
)
@pytest.mark.parametrize("first", [False, True], ids=["no row of a baseline", "a row of a baseline"])
def test_a_ledger_that_lacks_rows_gets_them(server: PostgresServer, whole: str, kept: str, *, first: bool) -> None:
    """Rows that are there stay as they are, those that are missing come as Prisma writes them, and ``up`` goes on."""
    server.sql(f"DELETE FROM _prisma_migrations WHERE NOT ({kept})", database=whole)  # noqa: S608 - the case's own
    if first:  # what `prisma migrate resolve` leaves of a baseline of an operator's own
        server.sql(
            "INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, finished_at) "
            "VALUES (gen_random_uuid(), 'x', '0_init', '', now())",
            database=whole,
        )
    before, schema = ledger(server, whole), schema_dump(server, whole)
    url = server.url(whole)
    done = migrate("baseline", url=url)
    assert done.returncode == DONE, done.stderr
    rows = ledger(server, whole)
    names = [row.split("|")[0] for row in rows]
    assert sorted(set(names) - {"0_init"}) == sorted(script.name for script in shipped_scripts())
    assert len(names) == len(set(names))
    assert {row for row in rows if row in before} == set(before)
    assert {row.split("|", 2)[2] for row in rows if row not in before} == {"t|f|0|"}
    assert schema_dump(server, whole) == schema
    assert migrate("up", url=url).returncode == DONE
    again = migrate("baseline", url=url)
    assert again.returncode == REFUSED
    assert "nothing is left to baseline" in again.stderr


def test_a_ledger_that_lacks_rows_is_filled_up_to_where_the_schema_is(
    server: PostgresServer, database: str, history: Callable[[int], str]
) -> None:
    """``--through`` takes the same proof; what the schema lacks is named, and nothing is recorded."""
    server.drop_database(database)
    server.create_database(database, template=history(200))
    server.sql("DELETE FROM _prisma_migrations WHERE hashtext(migration_name) % 2 = 0", database=database)
    before, url = ledger(server, database), server.url(database)
    assert migrate("baseline", url=url).returncode == REFUSED
    assert ledger(server, database) == before
    assert migrate("baseline", "--through", shipped_scripts()[199].name, url=url).returncode == DONE
    assert len(ledger(server, database)) == 200
    assert migrate("up", url=url).returncode == DONE


def test_a_failure_in_the_ledger_is_resolved_first(server: PostgresServer, whole: str) -> None:
    """A failed row may hide changes of data, which no proof sees: refused with the way out, which works."""
    script = shipped_scripts()[150]
    server.sql(
        f"DELETE FROM _prisma_migrations WHERE migration_name >= '{script.name}'; "  # noqa: S608 - a migration's name
        + failed_row(script, logs="'boom'"),
        database=whole,
    )
    url = server.url(whole)
    refused = migrate("baseline", url=url)
    assert refused.returncode == REFUSED
    assert f"resolve --applied '{script.name}'" in refused.stderr
    assert migrate("resolve", "--applied", script.name, url=url).returncode == DONE
    done = migrate("baseline", url=url)
    assert done.returncode == DONE, done.stderr
    assert migrate("up", url=url).returncode == DONE
