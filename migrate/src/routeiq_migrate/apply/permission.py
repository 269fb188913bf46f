"""Whether a pending migration would destroy something, asked of the grammar and of the data."""

from collections.abc import Iterable
from dataclasses import dataclass

from routeiq_migrate.database.catalogue import qualified, table_exists
from routeiq_migrate.database.session import Database, identifier
from routeiq_migrate.errors import RefusedError
from routeiq_migrate.plan.destructive import Danger, dangers, narrows
from routeiq_migrate.plan.grammar import NotSqlError
from routeiq_migrate.plan.migration import Migration

COLUMN_TYPE = """SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attname = $2 AND NOT a.attisdropped"""

EMPTY_VALUES = "'', '{}', '[]', 'null'"
"""What a column that nobody used holds, besides NULL: the defaults of text, array and JSON columns."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one dangerous statement; ``excuse`` is empty when it needs permission."""

    migration: str
    danger: Danger
    excuse: str

    def __str__(self) -> str:
        return f"{self.migration}, {self.danger}{f' ({self.excuse})' if self.excuse else ''}"


async def examine_scripts(database: Database, migrations: Iterable[Migration]) -> tuple[Finding, ...]:
    """Return a finding on every dangerous statement of ``migrations``, against the database as it is.

    Raises:
        RefusedError: a script is not SQL.
    """
    found: list[Finding] = []
    for migration in migrations:
        for danger in read_dangers(migration):
            excuse = await excuse_for(database, danger, shipped=migration.shipped)
            if excuse is not None:
                found.append(Finding(migration.name, danger, excuse))
    return tuple(found)


def read_dangers(migration: Migration) -> tuple[Danger, ...]:
    """Read the dangerous statements of one script.

    Raises:
        RefusedError: the script is not SQL.
    """
    try:
        return dangers(migration.script)
    except NotSqlError as error:
        raise RefusedError(
            f"Migration {migration.name!r} cannot be read as SQL ({error}), so it cannot be judged. Correct it."
        ) from None


async def excuse_for(database: Database, danger: Danger, *, shipped: bool) -> str | None:
    """Return why ``danger`` may go ahead, "" if it may not unasked, None if it is no danger after all."""
    connection = database.connection
    if danger.table is None:
        return ""
    schema, name = danger.table
    table = qualified(database, name, schema)
    if not await table_exists(database, table):
        return "table absent" if shipped else ""
    condition = "true"
    if danger.column is not None:
        old = await connection.fetchval(COLUMN_TYPE, table, danger.column)
        if old is None:
            return "column absent" if shipped else ""
        if danger.what == "ALTER TYPE" and not narrows(old, danger.new_type):
            return None
        column = identifier(danger.column)
        condition = f"{column} IS NOT NULL AND {column}::text NOT IN ({EMPTY_VALUES})"
    if not shipped:
        return ""
    used = await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE {condition})")  # noqa: S608 - quoted
    return "" if used else "empty"


def check(findings: Iterable[Finding], allowed: frozenset[str]) -> None:
    """Stop at statements that need permission and have none.

    Raises:
        RefusedError: names each with its line.
    """
    refused = [finding for finding in findings if not finding.excuse and finding.migration not in allowed]
    if refused:
        names = " ".join(f"--allow-destructive '{name}'" for name in dict.fromkeys(v.migration for v in refused))
        listed = "\n".join(f"  {finding}" for finding in refused)
        raise RefusedError(
            f"Pending migrations would destroy data:\n{listed}\nNothing was changed by them. Back up what is "
            f"worth keeping, then allow them by name: {names}"
        )


async def guard(database: Database, findings: Iterable[Finding], allowed: frozenset[str]) -> None:
    """Lock the tables that excused statements are about to change and look at each excuse once more.

    Rows may have come since the plan was made, from a migration before this one or from a client; the statements
    take the same lock a moment later.

    Raises:
        RefusedError: a table or column is no longer empty or absent.
    """
    for finding in findings:
        if not finding.excuse or finding.danger.table is None:
            continue
        schema, name = finding.danger.table
        table = qualified(database, name, schema)
        if await table_exists(database, table):
            await database.connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            if await excuse_for(database, finding.danger, shipped=True) == "":
                check([Finding(finding.migration, finding.danger, "")], allowed)
