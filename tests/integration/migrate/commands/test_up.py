"""``up`` brings an empty database to the present, and then finds nothing to do."""

import json

from tests.support.migrate import (
    apply_with_psql,
    ledger,
    migrate,
    own_names,
    schema_dump,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer


def test_an_empty_database_gets_what_applying_the_files_in_order_gives(server: PostgresServer, database: str) -> None:
    """Schema and ledger equal those that psql makes of the same files, to the byte of a dump."""
    other = f"{database}_psql"
    server.create_database(other)
    apply_with_psql(server, other, shipped_scripts())

    done = migrate("up", url=server.url(database))

    assert done.returncode == 0, done.stderr
    assert schema_dump(server, database) == schema_dump(server, other)
    assert sorted(line.rsplit("|", 1)[0] for line in ledger(server, database)) == sorted(
        line.rsplit("|", 1)[0] for line in ledger(server, other)
    )
    names = [line.split("|")[0] for line in ledger(server, database)]
    assert names == [script.name for script in shipped_scripts()]
    server.drop_database(other)


def test_a_second_run_changes_nothing(server: PostgresServer, database: str) -> None:
    """A run on a current database writes nothing: not a row, not a transaction id."""
    url = server.url(database)
    assert migrate("up", url=url).returncode == 0
    before = server.sql("SELECT xid::text FROM pg_current_xact_id_if_assigned() xid", database=database)
    before += server.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())", database=database)
    again = migrate("up", url=url)
    after = server.sql("SELECT xid::text FROM pg_current_xact_id_if_assigned() xid", database=database)
    after += server.sql("SELECT pg_snapshot_xmax(pg_current_snapshot())", database=database)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert before == after


def test_the_schema_of_routeiq_is_made(server: PostgresServer, database: str) -> None:
    """Our five tables and our own ledger stand beside LiteLLM's."""
    assert migrate("up", url=server.url(database)).returncode == 0
    tables = server.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'routeiq' ORDER BY 1", database=database)
    assert tables == ["identity", "lease", "migration", "replica", "request", "revision"]
    assert server.sql("SELECT name FROM routeiq.migration", database=database) == [
        "0001_lease_revision_replica",
        "0002_lease_server",
        "0003_acked_and_identity",
        "0004_history",
    ]


def test_a_schema_named_in_the_url_is_created_and_filled(server: PostgresServer, database: str) -> None:
    """``?schema=`` names the schema of tables and ledger, created if missing, whatever its name needs quoted."""
    url = server.url(database, query="schema=my%20%22odd%22%20Schema&connection_limit=1&pool_timeout=0")
    done = migrate("up", url=url)
    assert done.returncode == 0, done.stderr
    found = server.sql(
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'my \"odd\" Schema' AND tablename LIKE 'LiteLLM%'",
        database=database,
    )
    assert int(found[0]) > 50
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=database) == ["0"]
    assert migrate("status", url=url).returncode == 0


def test_a_missing_database_is_created(server: PostgresServer, database: str) -> None:
    """As Prisma does, ``up`` creates the database itself."""
    name = f"{database} new"
    assert migrate("up", url=server.url(name)).returncode == 0
    assert len(ledger(server, name)) == len(shipped_scripts())
    server.drop_database(name)


def test_each_migration_is_reported_with_its_name_and_duration(server: PostgresServer, database: str) -> None:
    """Without a terminal every migration is one JSON line with its milliseconds, and the total comes last."""
    done = migrate("up", url=server.url(database))
    events = [json.loads(line) for line in done.stderr.splitlines()]
    applied = [event for event in events if event["event"] == "applied"]
    assert [event["migration"] for event in applied] == [script.name for script in shipped_scripts()] + own_names()
    assert all(event["ms"] > 0 for event in applied)
    assert events[-1]["applied"] == len(applied)
    assert events[-1]["ms"] >= sum(event["ms"] for event in applied)
