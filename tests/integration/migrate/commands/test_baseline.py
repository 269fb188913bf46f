"""Giving a schema without a ledger its ledger, once it proves to be complete."""

from collections.abc import Callable

import pytest

from tests.support.migrate import DONE, REFUSED, ledger, migrate, schema_dump, shipped_scripts
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
