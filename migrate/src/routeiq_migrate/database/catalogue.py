"""What PostgreSQL's catalogue tells of tables and indexes, and how an index is built without holding writers back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from routeiq_migrate.database.connect import Connection
from routeiq_migrate.database.session import Database, identifier

WRITERS_WAIT = "200ms"
"""How long writers may queue behind an index build that waits for an open transaction."""

INDEX_STATE = """SELECT x.indisvalid FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE n.nspname = $1 AND i.relname = $2"""

TABLE_BYTES = """SELECT (pg_table_size($1::text::regclass) + coalesce(
    (SELECT sum(pg_table_size(relid)) FROM pg_partition_tree($1::text::regclass) WHERE isleaf), 0))::bigint"""


async def index_is_valid(database: Database, index: str) -> bool | None:
    """Whether ``index`` of the target's schema is valid; None where there is no index of that name."""
    valid: bool | None = await database.connection.fetchval(INDEX_STATE, database.target.schema, index)
    return valid


async def table_exists(database: Database, table: str) -> bool:
    """Whether ``table``, qualified and quoted, is there."""
    return bool(await database.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table))


async def table_bytes(database: Database, table: str) -> int:
    """Return the size of ``table``, qualified and quoted, with its partitions and without indexes, in bytes."""
    return int(await database.connection.fetchval(TABLE_BYTES, table))


def qualified(database: Database, name: str, schema: str = "") -> str:
    """Return ``name`` quoted, in ``schema``, or in the target's schema where none is named."""
    return f"{identifier(schema or database.target.schema)}.{identifier(name)}"


@asynccontextmanager
async def unhurried(connection: Connection, lock_timeout: str = "0") -> AsyncIterator[None]:
    """Lift the time-outs for a build: it takes as long as its table is large and others' transactions are long."""
    await connection.execute(f"SET statement_timeout = 0; SET lock_timeout = '{lock_timeout}'")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("RESET statement_timeout; RESET lock_timeout")
