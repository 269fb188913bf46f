"""Recording a migration that an earlier attempt applied without leaving a trace of it."""

from routeiq_migrate.database.catalogue import qualified
from routeiq_migrate.database.session import Database
from routeiq_migrate.errors import RefusedError
from routeiq_migrate.ledger import resolved, rolled_back
from routeiq_migrate.plan.created import Created, created
from routeiq_migrate.plan.migration import Migration
from routeiq_migrate.runtime.lazy_log import LazyLog

PRESENT = {
    "table": "SELECT to_regclass($1) IS NOT NULL",
    "index": "SELECT EXISTS (SELECT FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
    "WHERE x.indrelid = to_regclass($1) AND i.relname = $2)",
    "column": "SELECT EXISTS (SELECT FROM pg_attribute "
    "WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped)",
    "constraint": "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2)",
}


async def adopt(database: Database, migration: Migration, row_id: str, log: LazyLog) -> None:
    """Record a migration as applied whose objects turned out to be there, provided that all of them are.

    Args:
        database: the session.
        migration: the migration whose script stopped at something that exists.
        row_id: the id of the failed row of the earlier attempt, which is marked as rolled back.
        log: where it is reported.

    Raises:
        RefusedError: some objects are there and some are not.
    """
    missing = [item for item in created(migration.script) if not await present(database, item)]
    if missing:
        raise RefusedError(
            f"An earlier attempt at migration {migration.name!r} ended without a trace, and the schema holds only part "
            f"of its changes: missing {', '.join(map(str, missing))}. Add what is missing and run `routeiq-migrate "
            f"resolve --applied '{migration.name}'`, or remove the rest and run `resolve --rolled-back`."
        )
    async with database.unit():
        await database.connection.execute(rolled_back(database, row_id))
        await database.connection.execute(resolved(database, migration.name, migration.checksum))
    log.warning("an earlier attempt had applied this migration; recorded that", migration=migration.name)


async def present(database: Database, item: Created) -> bool:
    """Whether ``item`` is in the schema."""
    table = qualified(database, item.table)
    arguments = (table, item.name) if item.name else (table,)
    return bool(await database.connection.fetchval(PRESENT[item.kind], *arguments))
