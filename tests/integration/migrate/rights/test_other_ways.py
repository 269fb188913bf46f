# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""Rights that are asked for beside a plan: extensions, indexes, the ledger by hand, the database itself."""

import json
from pathlib import Path

import pytest

from tests.support.migrate import DONE, FAILED, LATE, index_state, migrate, shipped_scripts
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.rights import MAY_CREATE, OWN_ALL, extra_folder, statements_of


@pytest.mark.parametrize(
    ("extension", "told"),
    [("hstore", "GRANT CREATE ON DATABASE"), ("pg_freespacemap", "CREATE EXTENSION IF NOT EXISTS")],
)
def test_an_extension_asks_for_what_it_takes(tmp_path: Path, extension: str, told: str) -> None:
    """A trusted extension needs CREATE on the database, another one a superuser; installed, it needs nothing."""
    settings = extra_folder(tmp_path, f"CREATE EXTENSION IF NOT EXISTS {extension}")
    with running_postgres(tls=True) as server:
        server.sql(
            "CREATE ROLE poor LOGIN PASSWORD 'pw-poor'; GRANT CREATE ON SCHEMA public TO poor; "
            "CREATE SCHEMA routeiq AUTHORIZATION poor"
        )
        url = server.url(user="poor", password="pw-poor")
        refused = migrate("up", url=url, **settings)
        assert refused.returncode == FAILED
        [statement] = statements_of(json.loads(refused.stderr.splitlines()[-1])["event"])
        assert statement.startswith(told)
        assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == ["0"]
        server.sql(statement)
        done = migrate("up", url=url, **settings)
        assert done.returncode == DONE, done.stderr


@pytest.mark.parametrize("setting", [{}, {"LITELLM_SET_REPLICA_IDENTITY_FULL": "true"}])
def test_what_is_left_to_do_beside_the_schema_says_who_may(
    server: PostgresServer, whole: str, role: str, setting: dict[str, str]
) -> None:
    """A current schema and an index that is missing or broken: the statements that are named suffice for it."""
    assert migrate("up", url=server.url(whole)).returncode == DONE
    server.sql(
        f"GRANT SELECT ON _prisma_migrations, routeiq.migration TO {role}; GRANT USAGE ON SCHEMA routeiq TO {role};"
        'DROP INDEX "LiteLLM_SpendLogs_litellm_call_id_idx";'
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"LiteLLM_AuditLog_pkey\"'::regclass;"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"LiteLLM_SpendLogs_startTime_idx\"'::regclass;",
        database=whole,
    )
    url = server.url(whole, user=role, password=f"pw-{role}")
    rounds = 0
    while (done := migrate("up", url=url, **setting)).returncode != DONE:
        rounds += 1
        assert rounds < 4, done.stderr
        assert done.returncode == FAILED
        event = json.loads(done.stderr.splitlines()[-1])["event"]
        assert "a gateway can serve" in event
        statements = [part.partition(" and run again")[0] for part in event.split("have a superuser run ")[1:]]
        assert statements
        server.sql("\n".join(statements), database=whole)
    assert rounds > 0
    assert index_state(server, whole, "LiteLLM_SpendLogs_litellm_call_id_idx") == ["t"]
    assert index_state(server, whole, "LiteLLM_SpendLogs_startTime_idx") == ["t"]


@pytest.mark.parametrize("command", [("resolve", "--rolled-back"), ("resolve", "--applied"), ("baseline", "--through")])
def test_who_corrects_the_ledger_is_told_what_he_lacks(
    server: PostgresServer, late: str, role: str, command: tuple[str, str]
) -> None:
    """``resolve`` and ``baseline``: exit 4, the statements, and the command goes through once they were run."""
    script = shipped_scripts()[LATE - 1]
    server.sql(f"GRANT SELECT ON _prisma_migrations TO {role};", database=late)
    if command[0] == "resolve":
        server.sql(
            f"UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '{script.name}'", database=late
        )
    else:
        server.sql(f"DELETE FROM _prisma_migrations WHERE migration_name = '{script.name}'", database=late)
    url = server.url(late, user=role, password=f"pw-{role}")
    refused = migrate(*command, script.name, url=url)
    assert refused.returncode == FAILED, refused.stderr
    statements = statements_of(json.loads(refused.stderr.splitlines()[-1])["event"])
    assert statements
    server.sql("\n".join(statements), database=late)
    done = migrate(*command, script.name, url=url)
    assert done.returncode == DONE, done.stderr


def test_who_may_not_create_the_database_is_told_how(server: PostgresServer, database: str, role: str) -> None:
    """The statement that the message gives, run by a superuser, is all that ``up`` needs."""
    server.drop_database(database)
    url = server.url(database, user=role, password=f"pw-{role}")
    refused = migrate("up", "--wait", "0", url=url)
    assert "Create it by hand" in refused.stderr
    event = json.loads(refused.stderr.splitlines()[-1])["event"]
    server.sql(event[event.index("CREATE DATABASE") :])
    done = migrate("up", url=url)
    assert done.returncode == DONE, done.stderr


def test_computed_statements_fail_alone_and_say_what_to_do(
    server: PostgresServer, late: str, role: str, tmp_path: Path
) -> None:
    """SQL that a script computes is judged by the server only: rolled back, and the advice, taken, is enough."""
    server.sql(
        OWN_ALL.format(role=role) + MAY_CREATE.format(role=role, database=late) + "CREATE TABLE data (id int)",
        database=late,
    )
    settings = extra_folder(tmp_path, "DO $$ BEGIN EXECUTE 'ALTER TABLE da' || 'ta ADD more int'; END $$")
    url = server.url(late, user=role, password=f"pw-{role}")
    failed = migrate("up", "--allow-destructive", "20990101000000_extra", url=url, **settings)
    assert failed.returncode == FAILED
    assert f"Make user '{role}' the owner" in failed.stderr
    server.sql(f"ALTER TABLE data OWNER TO {role}", database=late)
    assert migrate("up", "--allow-destructive", "20990101000000_extra", url=url, **settings).returncode == DONE
