"""``baseline``: give a ledger the rows it lacks, once the schema proves to hold what the migrations make.

The proof needs no model of the schema: the migrations are applied to a scratch schema inside a transaction that is
rolled back, and everything found in the scratch schema has to be found in the live one.
"""

import asyncpg

from routeiq_migrate.database.locks import Locks
from routeiq_migrate.database.session import Database, identifier, primary
from routeiq_migrate.errors import RefusedError
from routeiq_migrate.ledger import create_ledger, new_id, read_ledgers, resolved
from routeiq_migrate.plan.migration import Migration
from routeiq_migrate.plan.needs import WRITE_LEDGER, Need
from routeiq_migrate.plan.plan import failure
from routeiq_migrate.plan.script_kinds import concurrent_index
from routeiq_migrate.rights.check import require
from routeiq_migrate.scripts import Scripts

SHOWN = 20
"""How many missing things are listed."""

# Everything is qualified: the scratch schema shadows one of these catalogues.
FACTS = """
WITH relation AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname <> '_prisma_migrations')
SELECT pg_catalog.format('table %I', relname) FROM relation
UNION ALL
SELECT pg_catalog.format('column %I.%I %s%s%s', r.relname, a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
    COALESCE(' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), ''))
FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
UNION ALL
SELECT pg_catalog.format('index %s', pg_catalog.pg_get_indexdef(x.indexrelid, 0, true))
FROM relation r JOIN pg_catalog.pg_index x ON x.indrelid = r.oid WHERE x.indisvalid
UNION ALL
SELECT pg_catalog.format('constraint %I of %I %s', k.conname, r.relname, pg_catalog.pg_get_constraintdef(k.oid, true))
FROM relation r JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid WHERE k.contype <> 'n'
UNION ALL
SELECT pg_catalog.format('trigger %s%s', pg_catalog.pg_get_triggerdef(t.oid, true),
    CASE t.tgenabled WHEN 'D' THEN ' DISABLED' ELSE '' END)
FROM relation r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT pg_catalog.format('type %I (%s)', t.typname, pg_catalog.string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder))
FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 GROUP BY t.oid, t.typname
UNION ALL
SELECT pg_catalog.format('function %I(%s), body %s', p.proname,
    pg_catalog.pg_get_function_identity_arguments(p.oid), pg_catalog.md5(p.prosrc))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1
"""

# Some migrations ask these two, by name alone, whether an object exists anywhere in the database.
SHADOWS = """
CREATE VIEW {scratch}.pg_constraint AS
    SELECT * FROM pg_catalog.pg_constraint WHERE connamespace = {literal}::pg_catalog.regnamespace;
CREATE VIEW {scratch}.information_schema_columns AS
    SELECT * FROM information_schema.columns WHERE table_schema = {literal}"""


async def facts(database: Database, schema: str) -> set[str]:
    """Describe every object of ``schema``, one line each, without the schema's name."""
    await database.connection.execute(f"SET LOCAL search_path TO {identifier(schema)}, pg_catalog")
    return {record[0] for record in await database.connection.fetch(FACTS, schema)}


async def missing_from_live(database: Database, migrations: tuple[Migration, ...]) -> list[str]:
    """Return what the migrations make and the live schema lacks; leaves nothing behind.

    Raises:
        RefusedError: the check itself cannot be made.
        SessionLostError: the session has ended.
    """
    connection = database.connection
    scratch = f"routeiq_scratch_{new_id().replace('-', '')[:12]}"
    transaction = connection.transaction()
    await transaction.start()
    try:
        live = await facts(database, database.target.schema)
        await connection.execute(f"CREATE SCHEMA {identifier(scratch)}")
        await connection.execute(SHADOWS.format(scratch=identifier(scratch), literal=f"'{scratch}'"))
        await connection.execute(f"SET LOCAL search_path TO {identifier(scratch)}, pg_catalog")
        for migration in migrations:
            concurrent = concurrent_index(migration.script)
            script = concurrent.plain if concurrent else migration.script
            await connection.execute(script.replace("information_schema.columns", "information_schema_columns"))
        return sorted(await facts(database, scratch) - live)
    except asyncpg.PostgresError as error:
        raise RefusedError(
            f"The schema cannot be checked: {primary(error)} (SQLSTATE {error.sqlstate}). The check applies the "
            "migrations to a scratch schema and rolls it back. Correct the cause and run again."
        ) from None
    finally:
        await transaction.rollback()


async def baseline(database: Database, scripts: Scripts, locks: Locks, through: str | None) -> int:
    """Record the migrations up to ``through`` as applied, once the live schema proves to hold them.

    Args:
        database: the session.
        scripts: the migrations on disk.
        locks: the locks of this run.
        through: the name of the last migration to record; None for all.

    Returns:
        how many were recorded.

    Raises:
        RefusedError: the ledger holds a failure or lacks nothing, or something is missing.
        MissingRightsError: the user may not make the proof or write the ledger.
        SettingsError: no migration is named ``through``.
    """
    shipped = scripts.shipped
    chosen = shipped if through is None else shipped[: shipped.index(scripts.named(through)) + 1]
    async with locks.migrating(database):
        ledgers = await read_ledgers(database)
        rows = ledgers.rows or ()
        for row in rows:
            if row.failed:
                raise RefusedError(failure(row))
        recorded = {row.name for row in rows if row.applied}
        lacking = [migration for migration in chosen if migration.name not in recorded]
        if not lacking:
            raise RefusedError("The ledger records all of these migrations already, so nothing is left to baseline.")
        needs = WRITE_LEDGER if ledgers.rows is not None else {Need("schema", "CREATE")}
        needs |= {Need("database", "CREATE")}
        await require(database, lambda: needs, "the proof and the ledger of a baseline")
        missing = await missing_from_live(database, chosen)
        if missing:
            listed = "\n".join(f"  {line}" for line in missing[:SHOWN])
            more = f"\n  and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            raise RefusedError(
                f"The live schema lacks {len(missing)} of the things these migrations make:\n{listed}{more}\n"
                "Nothing was recorded. Add them, or name the last migration it does hold with --through."
            )
        await create_ledger(database, ledgers)
        async with database.unit():
            for migration in lacking:
                await database.connection.execute(resolved(database, migration.name, migration.checksum))
    return len(lacking)
