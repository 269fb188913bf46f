# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""PgBouncer in transaction mode, with and without a direct connection beside it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.migrate import (
    BEHIND,
    COMMAND,
    DONE,
    FAILED,
    failed_row,
    fingerprint,
    is_current,
    ledger,
    migrate,
    shipped_scripts,
)
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment


@pytest.fixture(scope="module")
def pooler(server: PostgresServer) -> Iterator[int]:
    """The port of PgBouncer before the server."""
    with running_pgbouncer(server) as port:
        yield port


def through(server: PostgresServer, port: int, database: str, query: str = "") -> str:
    """Return the URL of ``database`` by way of the pooler."""
    return server.url(database, query=query).replace(f":{server.port}/", f":{port}/")


def locks(server: PostgresServer, database: str) -> list[str]:
    """Return the advisory locks that anybody holds in ``database``."""
    return server.sql(
        "SELECT objid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        f"WHERE locktype = 'advisory' AND datname = '{database}'"
    )


@pytest.mark.parametrize("query", ["pgbouncer=true", "", "pgbouncer=true&schema=other"])
def test_all_goes_well_through_the_pooler(server: PostgresServer, database: str, pooler: int, query: str) -> None:
    """Announced by ``pgbouncer=true`` or not: one transaction, the whole schema, and no lock left behind."""
    url = through(server, pooler, database, query)
    done = migrate("up", url=url)
    assert done.returncode == DONE, done.stderr
    schema = "other" if "schema" in query else "public"
    assert [line.split("|")[0] for line in ledger(server, database, schema)] == [s.name for s in shipped_scripts()]
    assert locks(server, database) == []
    again = migrate("up", url=url)
    assert "nothing to do" in again.stdout
    assert migrate("wait", "--limit", "1", url=url).returncode == DONE


def test_the_schema_is_the_same_as_without_the_pooler(server: PostgresServer, database: str, pooler: int) -> None:
    """Nothing is left out on that way, the request-log indexes included."""
    other = f"{database}_direct"
    server.create_database(other)
    assert migrate("up", url=through(server, pooler, database)).returncode == DONE
    assert migrate("up", url=server.url(other)).returncode == DONE
    assert fingerprint(server, database) == fingerprint(server, other)
    server.drop_database(other)


def test_many_at_once_through_the_pooler(server: PostgresServer, database: str, pooler: int) -> None:
    """Six at once: each migration once, all succeed, no lock left behind."""
    url = through(server, pooler, database)

    async def crowd() -> list[int]:
        processes = [
            await asyncio.create_subprocess_exec(COMMAND, "up", env=clean_environment(DATABASE_URL=url))
            for _ in range(6)
        ]
        return [await asyncio.wait_for(process.wait(), 90) for process in processes]

    assert asyncio.run(crowd()) == [DONE] * 6
    assert [line.split("|")[0] for line in ledger(server, database)] == [s.name for s in shipped_scripts()]
    assert locks(server, database) == []


def test_a_failure_rolls_the_whole_run_back(server: PostgresServer, late: str, pooler: int, tmp_path: Path) -> None:
    """In one transaction a failed migration takes the others of its run along, and the ledger says so."""
    folder = tmp_path / "migrations" / "20990101000000_broken"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT 1 / 0")
    url = through(server, pooler, late)
    done = migrate("up", url=url, LITELLM_MIGRATION_DIR=str(tmp_path))
    assert done.returncode == FAILED
    assert "whole run" in done.stderr
    assert len(ledger(server, late)) == 200
    assert migrate("up", url=url).returncode == DONE
    assert is_current(server, late)


def test_the_ledger_is_put_right_through_the_pooler(server: PostgresServer, late: str, pooler: int) -> None:
    """``baseline``, ``resolve``, ``plan`` and ``status`` need no direct connection; nor does replica identity."""
    url = through(server, pooler, late)
    last, following = shipped_scripts()[199:201]
    server.sql("DROP TABLE _prisma_migrations", database=late)
    assert migrate("baseline", "--through", last.name, url=url).returncode == DONE
    assert len(ledger(server, late)) == 200
    server.sql(failed_row(following, logs="'boom'"), database=late)
    assert migrate("status", url=url).returncode == BEHIND
    assert migrate("resolve", "--rolled-back", following.name, url=url).returncode == DONE
    assert following.name in migrate("plan", url=url).stdout
    done = migrate("up", url=url, LITELLM_SET_REPLICA_IDENTITY_FULL="true")
    assert done.returncode == DONE, done.stderr
    identities = "SELECT DISTINCT relreplident FROM pg_class WHERE relkind = 'r' AND relname LIKE 'LiteLLM%'"
    assert server.sql(identities, database=late) == ["f"]
    assert is_current(server, late)
    assert locks(server, late) == []


def test_the_direct_url_is_used_with_the_schema_of_the_other(
    server: PostgresServer, database: str, pooler: int
) -> None:
    """``DIRECT_URL`` carries the migration, a transaction a migration; ``schema`` comes from ``DATABASE_URL``."""
    url = through(server, pooler, database, "pgbouncer=true&schema=mine")
    done = migrate("up", url=url, DIRECT_URL=server.url(database, query="schema=ignored"))
    assert done.returncode == DONE, done.stderr
    assert len(ledger(server, database, "mine")) == len(shipped_scripts())
    starts = server.sql("SELECT count(DISTINCT xmin::text) FROM mine._prisma_migrations", database=database)
    assert int(starts[0]) == len(shipped_scripts())
