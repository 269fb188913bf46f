# Every name and literal below is quoted by identifier() or literal().
# ruff: noqa: S608
"""Reading what the database holds, and writing Prisma's ledger.

The ledger's definition and the meaning of its columns are Prisma's (schema-engine, ``migration_persistence.rs``).
"""

import uuid
from collections.abc import Callable

from routeiq_migrate.database.session import Database, identifier, literal
from routeiq_migrate.plan.migration import Ledgers, Migration, Row
from routeiq_migrate.plan.needs import READ_LEDGERS, Need
from routeiq_migrate.rights.check import require

CREATE_LEDGER = """CREATE TABLE {ledger} (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)"""

CREATE_OWN = """CREATE TABLE routeiq.migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)"""

SURVEY = """SELECT
    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS read_only,
    EXISTS (SELECT FROM pg_namespace WHERE nspname = $1) AS schema_exists,
    EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = '_prisma_migrations') AS ledger_exists,
    EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'routeiq' AND c.relname = 'migration') AS own_exists,
    NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE (n.nspname, c.relname) IN (($1, '_prisma_migrations'), ('routeiq', 'migration'))
            AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))) AS may_read,
    (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind = 'r'
       AND c.relname NOT IN ('_prisma_migrations', 'spatial_ref_sys')) AS tables"""


def ledger_of(database: Database) -> str:
    """Return the qualified name of Prisma's ledger."""
    return f"{identifier(database.target.schema)}._prisma_migrations"


async def read_ledgers(database: Database, later: Callable[[], frozenset[Need]] = frozenset) -> Ledgers:
    """Read both ledgers and what surrounds them, in one transaction, which a pooler needs to keep to one server.

    Args:
        database: the session.
        later: tells the rights that the command needs beside; asked where a ledger cannot be read, so that all that
            is missing is named at once.

    Raises:
        MissingRightsError: the user may not read a ledger.
    """
    connection, rows, own = database.connection, None, None
    async with database.transaction():
        [found] = await connection.fetch(SURVEY, database.target.schema)
        if not found["may_read"]:
            await require(database, lambda: READ_LEDGERS | later(), "reading the migration ledgers")
        if found["ledger_exists"]:
            records = await connection.fetch(
                "SELECT id, migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, "
                f"applied_steps_count, coalesce(logs, '') FROM {ledger_of(database)} ORDER BY started_at"
            )
            rows = tuple(Row(*record) for record in records)
        if found["own_exists"]:
            records = await connection.fetch("SELECT name, checksum FROM routeiq.migration")
            own = tuple((record["name"], record["checksum"]) for record in records)
    return Ledgers(rows, own, found["tables"], schema_exists=found["schema_exists"], read_only=found["read_only"])


def started(database: Database, migration: Migration, row_id: str) -> str:
    """Return the statement that records the start of ``migration``."""
    return (
        f"INSERT INTO {ledger_of(database)} (id, checksum, migration_name, started_at) "
        f"VALUES ({literal(row_id)}, {literal(migration.checksum)}, {literal(migration.name)}, clock_timestamp())"
    )


def succeeded(database: Database, row_id: str) -> str:
    """Return the statement that records the end of a migration."""
    return (
        f"UPDATE {ledger_of(database)} SET finished_at = clock_timestamp(), applied_steps_count = 1 "
        f"WHERE id = {literal(row_id)}"
    )


def rolled_back(database: Database, row_id: str) -> str:
    """Return the statement that marks a failed row as rolled back."""
    return f"UPDATE {ledger_of(database)} SET rolled_back_at = clock_timestamp() WHERE id = {literal(row_id)}"


def resolved(database: Database, name: str, checksum: str) -> str:
    """Return the statement that records a migration as applied without running it."""
    return (
        f"INSERT INTO {ledger_of(database)} (id, checksum, migration_name, logs, started_at, finished_at) "
        f"VALUES ({literal(new_id())}, {literal(checksum)}, {literal(name)}, '', now(), now())"
    )


def new_id() -> str:
    """Return the id of a new row."""
    return str(uuid.uuid4())


async def create_ledger(database: Database, found: Ledgers) -> None:
    """Create the schema and Prisma's ledger where ``found`` says that they are missing; the caller holds the locks."""
    async with database.unit():
        if not found.schema_exists:
            await database.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(database.target.schema)}")
        if found.rows is None:
            await database.connection.execute(CREATE_LEDGER.format(ledger=ledger_of(database)))


async def create_own_ledger(database: Database) -> None:
    """Create schema ``routeiq`` where it is missing, and its ledger; the caller holds the locks."""
    async with database.unit():
        # IF NOT EXISTS would ask for the right to create schemas even where an administrator has made this one.
        if await database.connection.fetchval("SELECT to_regnamespace('routeiq') IS NULL"):
            await database.connection.execute("CREATE SCHEMA routeiq")
        await database.connection.execute(CREATE_OWN)
