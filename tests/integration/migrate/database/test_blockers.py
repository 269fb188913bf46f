"""A run that waits behind somebody's transaction says whose it is, while it waits and when it has waited in vain."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.migrate import DONE, FAILED, LOCK_TIMEOUT, migrate, shipped_scripts
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import Running, clean_environment, running
from tests.support.waiting import wait_for

READ = """SELECT FROM "LiteLLM_Config" WHERE param_name = 'sk-hidden'"""
CHANGE = 'UPDATE "LiteLLM_SpendLogs" SET spend = 0; SELECT pg_current_xact_id()'
ALTER = 'ALTER TABLE "LiteLLM_Config" ADD COLUMN more int'
NAME = "20990101000000_wide"


@pytest.fixture
def wide(tmp_path: Path) -> dict[str, str]:
    """The setting that names a migration which has to have a table for itself."""
    folder = tmp_path / "migrations" / NAME
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(ALTER)
    return {"LITELLM_MIGRATION_DIR": str(tmp_path)}


@contextlib.asynccontextmanager
async def application(url: str, statement: str = READ) -> AsyncIterator[asyncpg.Connection]:
    """A transaction of an application that goes to sleep after a statement."""
    connection = await asyncpg.connect(url, server_settings={"application_name": "billing"})
    await connection.execute(f"BEGIN; {statement}")
    try:
        yield connection
    finally:
        connection.terminate()


def told(process: Running, event: str = "waiting for other sessions") -> dict[str, Any]:
    """Wait for an event in the log of a run, and return it."""
    text = process.wait_for_text(event)
    found: dict[str, Any] = json.loads(next(line for line in text.splitlines() if event in line))
    return found


@pytest.mark.parametrize("way", ["direct", "pooled"])
def test_whose_transaction_it_is_is_told_while_it_waits(
    server: PostgresServer, whole: str, wide: dict[str, str], tmp_path: Path, way: str
) -> None:
    """Process, user, application, state and age; no text of a query. Once it ends, the run goes on and succeeds."""

    async def scene(url: str) -> None:
        async with application(server.url(whole)) as other:
            environment = clean_environment(DATABASE_URL=url, **wide)
            with running(["routeiq-migrate", "up"], output=tmp_path / "log", environment=environment) as process:
                event = await asyncio.to_thread(told, process)
                assert event["migration"] == NAME
                whose = f"process {other.get_server_pid()} of user 'postgres', application 'billing', "
                assert event["whose"].startswith(f"{whose}idle in transaction, in a transaction for ")
                assert "sk-hidden" not in process.text()
                await other.execute("COMMIT")
                assert await asyncio.to_thread(process.wait_for_exit, seconds=60) == DONE

    with running_pgbouncer(server, pool_size=3) as port:
        url = server.url(whole)
        asyncio.run(scene(url if way == "direct" else url.replace(f":{server.port}/", f":{port}/")))


@pytest.mark.parametrize("limit", ["lock_timeout = 50", "lock_timeout = 3000", "statement_timeout = 3000"])
def test_whose_it_was_is_told_at_the_end_and_how_to_end_it(
    server: PostgresServer, whole: str, wide: dict[str, str], limit: str
) -> None:
    """However short the limit of the server: exit 4 with whose it was; ended as the message says, ``up`` succeeds."""

    async def scene() -> None:
        async with application(server.url(whole)) as other:
            process = other.get_server_pid()
            done = await asyncio.to_thread(migrate, "up", url=server.url(whole), **wide)
            assert done.returncode == FAILED
            event = json.loads(done.stderr.splitlines()[-1])["event"]
            assert f"It waited for process {process} of user 'postgres', application 'billing', idle in tr" in event
            assert "sk-hidden" not in done.stderr
            server.sql(f"SELECT pg_terminate_backend({process})")
            assert (await asyncio.to_thread(migrate, "up", url=server.url(whole), **wide)).returncode == DONE

    server.sql(f'ALTER DATABASE "{whole}" SET {limit}')
    asyncio.run(scene())


def test_a_limit_that_nobody_else_caused_names_nobody(server: PostgresServer, whole: str, tmp_path: Path) -> None:
    """A statement that is slow by itself is not laid at the door of a transaction that is merely open."""
    folder = tmp_path / "migrations" / NAME
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT pg_sleep(30)")
    server.sql(f'ALTER DATABASE "{whole}" SET statement_timeout = 1500')

    async def scene() -> None:
        async with application(server.url(whole)):
            done = await asyncio.to_thread(migrate, "up", url=server.url(whole), LITELLM_MIGRATION_DIR=str(tmp_path))
            assert done.returncode == FAILED
            assert "Raise statement_timeout" in done.stderr
            assert "billing" not in done.stderr

    asyncio.run(scene())


def test_a_concurrent_build_names_the_snapshot_that_it_waits_for(
    server: PostgresServer, whole: str, tmp_path: Path
) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older transaction, those on other tables included."""
    assert migrate("up", url=server.url(whole)).returncode == DONE
    server.sql('DROP INDEX "LiteLLM_SpendLogs_litellm_call_id_idx"', database=whole)

    async def scene() -> None:
        async with application(server.url(whole), CHANGE) as other:
            environment = clean_environment(DATABASE_URL=server.url(whole), ROUTEIQ_LARGE_TABLE_MB="0")
            with running(["routeiq-migrate", "up"], output=tmp_path / "log", environment=environment) as process:
                event = await asyncio.to_thread(told, process)
                assert f"process {other.get_server_pid()} " in event["whose"]
                await other.execute("COMMIT")
                assert await asyncio.to_thread(process.wait_for_exit, seconds=60) == DONE

    asyncio.run(scene())


def test_what_pg_stat_activity_hides_is_said_to_be_hidden(
    server: PostgresServer, whole: str, wide: dict[str, str], tmp_path: Path
) -> None:
    """A user without pg_read_all_stats sees process, user and application of another's session, and no state."""
    server.sql(
        "CREATE ROLE narrow LOGIN PASSWORD 'narrow'; CREATE SCHEMA routeiq AUTHORIZATION narrow; "
        "GRANT CREATE ON SCHEMA public TO narrow; ALTER TABLE _prisma_migrations OWNER TO narrow; "
        'ALTER TABLE "LiteLLM_Config" OWNER TO narrow; ALTER TABLE "LiteLLM_SpendLogs" OWNER TO narrow',
        database=whole,
    )

    async def scene() -> None:
        async with application(server.url(whole)) as other:
            environment = clean_environment(DATABASE_URL=server.url(whole, user="narrow", password="narrow"), **wide)
            with running(["routeiq-migrate", "up"], output=tmp_path / "log", environment=environment) as process:
                event = await asyncio.to_thread(told, process)
                assert f"process {other.get_server_pid()} of user 'postgres', application 'billing', " in event["whose"]
                assert "pg_read_all_stats" in event["whose"]
                await other.execute("COMMIT")
                assert await asyncio.to_thread(process.wait_for_exit, seconds=60) == DONE

    asyncio.run(scene())
    server.sql("DROP OWNED BY narrow; DROP ROLE narrow", database=whole)


def test_a_prepared_transaction_has_no_process(wide: dict[str, str]) -> None:
    """One that waits for its second phase belongs to nobody who could be ended: said so."""
    with running_postgres(settings={"max_prepared_transactions": "2"}) as server:
        assert migrate("up", url=server.url()).returncode == DONE
        server.sql(f"ALTER DATABASE postgres SET lock_timeout = 2000; BEGIN; {READ}; PREPARE TRANSACTION 'one'")
        done = migrate("up", url=server.url(), **wide)
        assert done.returncode == FAILED
        assert "It waited for a prepared transaction (pg_prepared_xacts)" in done.stderr
        server.sql("ROLLBACK PREPARED 'one'")
        assert migrate("up", url=server.url(), **wide).returncode == DONE


@pytest.mark.parametrize("key", [int.from_bytes(b"llm_mig2", "big"), 72707369])
def test_who_holds_the_lock_of_migrators_is_told(server: PostgresServer, late: str, key: int) -> None:
    """While it waits and at its end, exit 6; ended as the message says, ``up`` succeeds."""

    async def scene() -> None:
        async with application(server.url(late), f"SELECT pg_advisory_lock({key})") as other:
            process = other.get_server_pid()
            done = await asyncio.to_thread(migrate, "up", url=server.url(late), LITELLM_MIGRATION_LOCK_TIMEOUT="0.5")
            assert done.returncode == LOCK_TIMEOUT
            waiting, end = (json.loads(line) for line in done.stderr.splitlines())
            for text in (waiting["whose"], end["event"]):
                assert f"process {process} of user 'postgres', application 'billing', idle in transaction" in text
            server.sql(f"SELECT pg_terminate_backend({process})")
            assert (await asyncio.to_thread(migrate, "up", url=server.url(late))).returncode == DONE

    asyncio.run(scene())


def test_a_second_session_is_no_condition(
    server: PostgresServer, whole: str, wide: dict[str, str], tmp_path: Path
) -> None:
    """A user who may have one connection only is not told whose it is, and waits and succeeds all the same."""
    server.sql(
        "CREATE ROLE single LOGIN SUPERUSER PASSWORD 'single' CONNECTION LIMIT 1; ALTER ROLE single NOSUPERUSER;"
        "GRANT pg_read_all_data TO single; CREATE SCHEMA routeiq AUTHORIZATION single; "
        "GRANT CREATE ON SCHEMA public TO single; ALTER TABLE _prisma_migrations OWNER TO single; "
        'ALTER TABLE "LiteLLM_Config" OWNER TO single; ALTER TABLE "LiteLLM_SpendLogs" OWNER TO single',
        database=whole,
    )
    waiting = "SELECT pid FROM pg_stat_activity WHERE usename = 'single' AND wait_event_type = 'Lock'"

    async def scene() -> None:
        async with application(server.url(whole)) as other:
            environment = clean_environment(DATABASE_URL=server.url(whole, user="single", password="single"), **wide)
            with running(["routeiq-migrate", "up"], output=tmp_path / "log", environment=environment) as process:
                await asyncio.to_thread(wait_for, "the run to wait", lambda: server.sql(waiting))
                refused = "too many connections for role"
                await asyncio.to_thread(wait_for, "a refusal", lambda: refused in server.log())
                await other.execute("COMMIT")
                assert await asyncio.to_thread(process.wait_for_exit, seconds=60) == DONE

    asyncio.run(scene())
    server.sql("DROP OWNED BY single; DROP ROLE single", database=whole)


def test_nothing_is_asked_where_nothing_waits(server: PostgresServer, database: str) -> None:
    """A run that waits for nobody logs no wait, however many migrations it applies."""
    done = migrate("up", url=server.url(database))
    assert done.returncode == DONE
    assert "waiting for other sessions" not in done.stderr
    assert done.stderr.count('"event": "applied"') > len(shipped_scripts())
