"""What has to happen, decided from what is on disk and what the ledgers say. Nothing here touches either.

The ledger is Prisma's table ``_prisma_migrations``. A row is *applied* when it is finished, *rolled back* when an
operator or a resolver said so, and *failed* otherwise; a failed row stops ``prisma migrate deploy`` until somebody
resolves it, and stops us too, except where it proves what happened.
"""

from dataclasses import dataclass
from hashlib import sha256

from routeiq_migrate.errors import RefusedError
from routeiq_migrate.plan.lexer import is_inert

DEADLOCK = "deadlock detected"


@dataclass(frozen=True, slots=True)
class Migration:
    """A script with a name that orders it; ``shipped`` is false for those an operator added."""

    name: str
    script: str
    shipped: bool = True

    @property
    def checksum(self) -> str:
        """Hex SHA-256 of the script as it stands on disk, as Prisma records it."""
        return sha256(self.script.encode()).hexdigest()

    def matches(self, checksum: str) -> bool:
        """Whether ``checksum`` is this script's, whatever its line ends, as Prisma compares."""
        unix = self.script.replace("\r\n", "\n")
        variants = (self.script, unix, unix.replace("\n", "\r\n"))
        return any(sha256(text.encode()).hexdigest() == checksum for text in variants)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger; ``logs`` is empty for NULL."""

    id: str
    name: str
    checksum: str
    finished: bool
    rolled_back: bool
    steps: int
    logs: str

    @property
    def failed(self) -> bool:
        """Whether Prisma would stop at this row (P3009)."""
        return not self.finished and not self.rolled_back


@dataclass(frozen=True, slots=True)
class Apply:
    """Run the script and record it, in one transaction.

    Attributes:
        replaces: the failed row of an earlier attempt, to be marked as rolled back.
        perhaps_done: the earlier attempt ended without a trace and may have committed its script. Run again, the
            script then stops at the first object that already exists, which proves it.
    """

    migration: Migration
    replaces: Row | None = None
    perhaps_done: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Set the end of a row whose one step succeeded: only the record of it is missing."""

    migration: Migration
    row: Row


Step = Apply | Finish


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ``up`` does, in order.

    Attributes:
        steps: LiteLLM's migrations.
        own: the migrations of schema ``routeiq``.
        ahead: applied migrations newer than all we know: another release migrated this database.
        edited: applied migrations whose script differs from ours.
    """

    steps: tuple[Step, ...] = ()
    own: tuple[Migration, ...] = ()
    ahead: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()

    @property
    def current(self) -> bool:
        """Whether the database has all that this image needs."""
        return not self.steps and not self.own

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all that is pending, in order."""
        return (*(step.migration.name for step in self.steps), *(f"routeiq/{migration.name}" for migration in self.own))


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What the database says.

    Attributes:
        rows: Prisma's ledger in the order it was written; None where there is none.
        own: name and checksum of each of our applied migrations; None where there is no ledger.
        tables: how many ordinary tables the schema holds, ledger and PostGIS's catalogue aside.
    """

    rows: tuple[Row, ...] | None
    own: tuple[tuple[str, str], ...] | None
    tables: int

    @property
    def fresh(self) -> bool:
        """Whether the schema holds no table, so that nothing in it can be lost."""
        return self.tables == 0


def make_plan(shipped: tuple[Migration, ...], own: tuple[Migration, ...], ledgers: Ledgers) -> Plan:
    """Return what is to be done.

    Raises:
        RefusedError: the ledger holds a failure that only a person can judge (Prisma's P3009), or there are
            tables and no ledger (P3005).
    """
    if ledgers.rows is None and not ledgers.fresh:
        raise RefusedError(
            f"The schema holds {ledgers.tables} tables but no migration ledger (Prisma's P3005), so what has been "
            "applied is unknown. If LiteLLM made them, `routeiq-migrate baseline` checks that they are complete and "
            "records it; if they belong to something else, give LiteLLM a schema of its own (?schema=)."
        )
    rows = ledgers.rows or ()
    known = {migration.name: migration for migration in shipped}
    failed = {row.name: row for row in rows if row.failed}
    applied = {row.name: row for row in rows if row.finished and not row.rolled_back}
    for row in failed.values():
        if row.name not in known:
            raise RefusedError(failure(row))
    recorded = dict(ledgers.own or ())
    newest = max(known, key=str.encode, default="")
    newest_own = max((migration.name for migration in own), default="")
    return Plan(
        steps=tuple(
            step_for(migration, failed.get(migration.name))
            for migration in shipped
            if migration.name in failed or migration.name not in applied
        ),
        own=tuple(migration for migration in own if migration.name not in recorded),
        ahead=tuple(
            sorted(
                [name for name in applied if name not in known and name.encode() > newest.encode()]
                + [f"routeiq/{name}" for name in recorded if name > newest_own]
            )
        ),
        edited=tuple(name for name, row in applied.items() if name in known and not known[name].matches(row.checksum)),
    )


def step_for(migration: Migration, failed: Row | None) -> Step:
    """Return how to get ``migration`` applied, given its failed row if it has one.

    Raises:
        RefusedError: the row does not tell whether the script took effect.
    """
    if failed is None:
        return Apply(migration)
    logs = failed.logs.strip()
    if failed.steps == 1 and not logs and migration.matches(failed.checksum):
        return Finish(migration, failed)
    if DEADLOCK in logs or is_inert(migration.script):
        return Apply(migration, replaces=failed)
    if failed.steps == 0 and not logs:
        return Apply(migration, replaces=failed, perhaps_done=True)
    raise RefusedError(failure(failed))


def failure(row: Row) -> str:
    """Say what a failed row means and how to go on."""
    return (
        f"The ledger holds a failed attempt at migration {row.name!r} (Prisma's P3009), and the record does not show "
        "whether its changes are there. Look at the schema. If all of them are there, run `routeiq-migrate resolve "
        f"--applied '{row.name}'`; if none is, `routeiq-migrate resolve --rolled-back '{row.name}'`; then `up` again."
    )
