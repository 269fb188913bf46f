# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""The request-log indexes: recognised under another name, and spread over partitions."""

import asyncio

import asyncpg

from tests.support.migrate import (
    DONE,
    FAILED,
    REQUEST_LOG,
    REQUEST_LOG_INDEXES,
    fingerprint,
    index_state,
    is_current,
    ledger,
    migrate,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer

PARTITIONED = """
ALTER TABLE "LiteLLM_SpendLogs" RENAME TO "LiteLLM_SpendLogs_legacy";
CREATE TABLE "LiteLLM_SpendLogs" (LIKE "LiteLLM_SpendLogs_legacy" INCLUDING DEFAULTS,
    PRIMARY KEY (request_id, "startTime")) PARTITION BY RANGE ("startTime");
CREATE TABLE "LiteLLM_SpendLogs_2026_a_partition_with_quite_a_long_name" PARTITION OF "LiteLLM_SpendLogs"
    FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
CREATE TABLE "LiteLLM_SpendLogs_rest" PARTITION OF "LiteLLM_SpendLogs" DEFAULT PARTITION BY RANGE ("startTime");
CREATE TABLE "LiteLLM_SpendLogs_rest_all" PARTITION OF "LiteLLM_SpendLogs_rest" DEFAULT;
INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime")
    SELECT 'p' || i, 'x', '2026-01-01'::timestamp + i * interval '1 day', now() FROM generate_series(1, 500) i;
"""


def test_an_equivalent_index_is_renamed_not_doubled(server: PostgresServer, whole: str) -> None:
    """An operator's own index over the same columns takes the name LiteLLM expects; a descending one does not."""
    server.sql(
        'CREATE INDEX mine ON "LiteLLM_SpendLogs" (api_key, "startTime");'
        'CREATE INDEX backwards ON "LiteLLM_SpendLogs" (litellm_call_id DESC)',
        database=whole,
    )
    before = server.sql("SELECT 'mine'::regclass::oid", database=whole)
    assert migrate("up", url=server.url(whole)).returncode == DONE
    assert server.sql(f"SELECT '\"{REQUEST_LOG[0]}\"'::regclass::oid", database=whole) == before
    assert index_state(server, whole, REQUEST_LOG[1]) == ["t"]
    assert index_state(server, whole, "backwards") == ["t"]


def test_a_name_taken_by_another_table_is_reported(server: PostgresServer, whole: str) -> None:
    """The index cannot be built under its name: exit 4, everything else in place, and the message names the table."""
    server.sql(f'CREATE TABLE other (a int); CREATE INDEX "{REQUEST_LOG[0]}" ON other (a)', database=whole)
    done = migrate("up", url=server.url(whole))
    assert done.returncode == FAILED
    assert "'other'" in done.stderr
    assert index_state(server, whole, REQUEST_LOG[1]) == ["t"]
    assert migrate("wait", "--limit", "0", url=server.url(whole)).returncode == DONE


def test_partitioned_request_logs(server: PostgresServer, whole: str) -> None:
    """On a partitioned table every partition gets its index, however deep, attached to a valid one on the parent.

    One partition has its own index already: it is taken over. A second run changes nothing.
    """
    server.sql(
        PARTITIONED + 'CREATE INDEX own ON "LiteLLM_SpendLogs_rest_all" (litellm_call_id)',
        database=whole,
    )
    done = migrate("up", url=server.url(whole))
    assert done.returncode == DONE, done.stderr
    assert [index_state(server, whole, name) for name in REQUEST_LOG] == [["t"]] * 2
    for name in REQUEST_LOG:
        tree = server.sql(
            f"SELECT count(*), bool_and(indisvalid) FROM pg_partition_tree('\"{name}\"') t "
            "JOIN pg_index x ON x.indexrelid = t.relid",
            database=whole,
        )
        assert tree == ["4|t"]
    assert index_state(server, whole, "own") == []
    before = fingerprint(server, whole)
    assert migrate("up", url=server.url(whole)).returncode == DONE
    assert fingerprint(server, whole) == before


def test_a_partitioned_table_that_is_held_is_indexed_by_a_later_run(server: PostgresServer, whole: str) -> None:
    """An open transaction keeps the table: exit 4 with whose it is; when it has ended, the next run builds the rest."""
    server.sql(PARTITIONED, database=whole)

    async def scene() -> None:
        other = await asyncpg.connect(server.url(whole), server_settings={"application_name": "billing"})
        await other.execute('BEGIN; UPDATE "LiteLLM_SpendLogs" SET spend = 1')
        done = await asyncio.to_thread(migrate, "up", url=server.url(whole))
        assert done.returncode == FAILED
        assert "run again when they have ended" in done.stderr
        for line in (done.stderr.splitlines()[-1], next(x for x in done.stderr.splitlines() if "other sessions" in x)):
            assert f"process {other.get_server_pid()} of user 'postgres', application 'billing'" in line
        await other.execute("COMMIT")
        await other.close()

    asyncio.run(scene())
    assert migrate("up", url=server.url(whole)).returncode == DONE
    assert [index_state(server, whole, name) for name in REQUEST_LOG] == [["t"]] * 2


def test_an_upgrade_goes_over_a_partitioned_table(server: PostgresServer, late: str) -> None:
    """Pending migrations apply to an operator's partitioned request log as they stand."""
    server.sql(PARTITIONED, database=late)
    done = migrate("up", url=server.url(late))
    assert done.returncode == DONE, done.stderr
    assert is_current(server, late)


def test_indexes_that_are_there_are_left_alone(server: PostgresServer, whole: str) -> None:
    """Request-log indexes that LiteLLM's own job built are recognised by name."""
    server.sql(REQUEST_LOG_INDEXES, database=whole)
    before = server.sql(f"SELECT '\"{REQUEST_LOG[0]}\"'::regclass::oid", database=whole)
    done = migrate("up", url=server.url(whole))
    assert done.returncode == DONE
    assert "built an index" not in done.stderr
    assert server.sql(f"SELECT '\"{REQUEST_LOG[0]}\"'::regclass::oid", database=whole) == before
    assert len(ledger(server, whole)) == len(shipped_scripts())
