# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""Indexes that are built beside writers, rebuilt, or set right after an interrupted build."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.support.migrate import (
    COMMAND,
    DONE,
    REQUEST_LOG,
    index_state,
    is_current,
    migrate,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment
from tests.support.waiting import wait_for

CONCURRENT = "20260415120000_health_check_latest_per_model_index"
INDEX = "LiteLLM_HealthCheckTable_model_id_model_name_checked_at_idx"
COLUMN = {"LiteLLM_SpendLogs": "spend", "LiteLLM_HealthCheckTable": "status"}
ROW = {
    "LiteLLM_SpendLogs": '(request_id, call_type, "startTime", "endTime") VALUES ($1, \'x\', now(), now())',
    "LiteLLM_HealthCheckTable": "(health_check_id, model_name, status, updated_at) VALUES ($1, 'm', 's', now())",
}


@asynccontextmanager
async def open_writer(url: str, table: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A session whose transaction has written to ``table`` and stays open: every index build has to wait for it."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(f'UPDATE "{table}" SET {COLUMN[table]} = {COLUMN[table]}')
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.mark.parametrize("case", [(table, megabytes) for table in ROW for megabytes in ("0", "64")], ids="-".join)
def test_writers_go_on_while_an_index_waits_to_be_built(
    server: PostgresServer, database: str, history: Callable[[int], str], tmp_path: Path, case: tuple[str, str]
) -> None:
    """A transaction that stays open holds every build up; others still write, each within a second, until it ends."""
    table, megabytes = case
    position = next(i for i, script in enumerate(shipped_scripts()) if script.name == CONCURRENT)
    start = len(shipped_scripts()) if table == "LiteLLM_SpendLogs" else position
    server.drop_database(database)
    server.create_database(database, template=history(start))
    url = server.url(database)
    environment = clean_environment(DATABASE_URL=url, ROUTEIQ_LARGE_TABLE_MB=megabytes)

    async def scene() -> int:
        writer = await asyncpg.connect(url)
        await writer.execute(f'INSERT INTO "{table}" {ROW[table]}', "first")
        async with open_writer(url, table):
            with (tmp_path / "log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(COMMAND, "up", env=environment, stdout=log, stderr=log)
            await asyncio.to_thread(wait_for, "a build that waits", lambda: building(server, database))
            await writer.execute("SET lock_timeout = '1s'")
            for number in range(20):
                await writer.execute(f'INSERT INTO "{table}" {ROW[table]}', f"w{number}")
            assert process.returncode is None
        await writer.close()
        return await asyncio.wait_for(process.wait(), 60)

    assert asyncio.run(scene()) == DONE, (tmp_path / "log").read_text()
    assert is_current(server, database)
    names = REQUEST_LOG if table == "LiteLLM_SpendLogs" else (INDEX,)
    assert [index_state(server, database, name) for name in names] == [["t"]] * len(names)


def building(server: PostgresServer, database: str) -> bool:
    """Whether a concurrent build is under way."""
    found = server.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE '%CREATE INDEX%CONCURRENTLY%' "
        f"AND datname = '{database}' AND state = 'active'"
    )
    return found != ["0"]


@pytest.mark.parametrize("megabytes", ["0", "64"])
def test_a_broken_index_of_an_interrupted_build_is_replaced(
    server: PostgresServer, database: str, history: Callable[[int], str], megabytes: str
) -> None:
    """IF NOT EXISTS would take the INVALID leftover for the index; it is dropped and built, on a table of any size."""
    position = next(i for i, script in enumerate(shipped_scripts()) if script.name == CONCURRENT)
    server.drop_database(database)
    server.create_database(database, template=history(position))
    server.sql(
        f'CREATE INDEX "{INDEX}" ON "LiteLLM_HealthCheckTable" (model_id); '
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"{INDEX}\"'::regclass",
        database=database,
    )
    done = migrate("up", url=server.url(database), ROUTEIQ_LARGE_TABLE_MB=megabytes)
    assert done.returncode == DONE, done.stderr
    assert index_state(server, database, INDEX) == ["t"]
    definition = server.sql(f"SELECT pg_get_indexdef('\"{INDEX}\"'::regclass)", database=database)[0]
    assert "model_name" in definition
    assert is_current(server, database)


def test_invalid_indexes_are_rebuilt_and_leftovers_dropped(server: PostgresServer, whole: str) -> None:
    """REINDEX for an invalid index of LiteLLM's, DROP for what an interrupted REINDEX left; others' are not touched."""
    invalid = ("LiteLLM_SpendLogs_startTime_idx", "LiteLLM_SpendLogs_end_user_idx_ccnew", "others_idx")
    server.sql(
        'CREATE INDEX "LiteLLM_SpendLogs_end_user_idx_ccnew" ON "LiteLLM_SpendLogs" (end_user);'
        "CREATE TABLE others (a int); CREATE INDEX others_idx ON others (a);"
        + "".join(
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"{name}\"'::regclass;" for name in invalid
        ),
        database=whole,
    )
    assert migrate("up", url=server.url(whole)).returncode == DONE
    assert [index_state(server, whole, name) for name in invalid] == [["t"], [], ["f"]]


def test_replica_identity_is_set_when_asked_for(server: PostgresServer, whole: str) -> None:
    """``LITELLM_SET_REPLICA_IDENTITY_FULL`` sets it on LiteLLM's tables and on no other; unset, nothing changes."""
    query = "SELECT DISTINCT relreplident FROM pg_class WHERE relkind = 'r' AND relname LIKE 'LiteLLM%'"
    server.sql("CREATE TABLE others (a int)", database=whole)
    assert migrate("up", url=server.url(whole)).returncode == DONE
    assert server.sql(query, database=whole) == ["d"]
    assert migrate("up", url=server.url(whole), LITELLM_SET_REPLICA_IDENTITY_FULL="true").returncode == DONE
    assert server.sql(query, database=whole) == ["f"]
    assert server.sql("SELECT relreplident FROM pg_class WHERE relname = 'others'", database=whole) == ["d"]
