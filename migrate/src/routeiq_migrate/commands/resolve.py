"""``resolve``: correct the ledger by hand after a failed migration, as ``prisma migrate resolve`` does."""

from routeiq_migrate.database.locks import Locks
from routeiq_migrate.database.session import Database
from routeiq_migrate.errors import RefusedError, SettingsError
from routeiq_migrate.ledger import create_ledger, read_ledgers, resolved, rolled_back
from routeiq_migrate.plan.needs import WRITE_LEDGER, Need
from routeiq_migrate.rights.check import require
from routeiq_migrate.scripts import Scripts


async def resolve(database: Database, scripts: Scripts, locks: Locks, name: str, *, applied: bool) -> None:
    """Mark the failed rows of a migration as rolled back, and record the migration as applied if it is.

    Args:
        database: the session.
        scripts: the migrations on disk.
        locks: the locks of this run.
        name: the migration.
        applied: whether all of its changes are there; otherwise none of them is.

    Raises:
        SettingsError: no such migration (Prisma's P3017), or none that was tried (P3011).
        MissingRightsError: the user may not write the ledger.
        RefusedError: it is applied already (P3008), or it has not failed (P3012).
    """
    async with locks.migrating(database):
        ledgers = await read_ledgers(database)
        rows = [row for row in ledgers.rows or () if row.name == name and not row.rolled_back]
        # A row of another release's migration keeps its checksum, which is all the ledger needs to know.
        known = [migration.checksum for migration in scripts.shipped if migration.name == name]
        known += [row.checksum for row in rows]
        if applied and not known:
            scripts.named(name)
        if any(row.finished for row in rows):
            raise RefusedError(f"Migration {name!r} is recorded as applied; there is nothing to resolve.")
        if not applied and not rows:
            raise SettingsError(
                f"The ledger holds no failed attempt at a migration {name!r}. `status` shows what failed."
            )
        needs = WRITE_LEDGER if ledgers.rows is not None else {Need("schema", "CREATE")}
        await require(database, lambda: needs, "writing the migration ledger")
        await create_ledger(database, ledgers)
        async with database.unit():
            for row in rows:
                await database.connection.execute(rolled_back(database, row.id))
            if applied:
                await database.connection.execute(resolved(database, name, known[0]))
