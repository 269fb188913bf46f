"""The plan: what an ``up`` does, decided from the migrations on disk and the rows of the ledgers.

A failed row stops ``prisma migrate deploy`` until somebody resolves it. It stops us too, except where the row proves
whether its script took effect.
"""

from dataclasses import dataclass

from routeiq_migrate.plan.migration import Ledgers, Migration, Row
from routeiq_migrate.plan.script_kinds import ConcurrentIndex, is_inert

DEADLOCK = "deadlock detected"


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
class Build:
    """An index that is built outside a transaction before its migration can be recorded."""

    migration: Migration
    index: ConcurrentIndex


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
class Refusal:
    """Only a person can say what is to be done; ``reason`` says why, and how to go on."""

    reason: str


def make_plan(shipped: tuple[Migration, ...], own: tuple[Migration, ...], ledgers: Ledgers) -> Plan | Refusal:
    """Return what is to be done.

    Args:
        shipped: LiteLLM's migrations and an operator's, in order.
        own: the migrations of schema ``routeiq``, in order.
        ledgers: what the database says.

    Returns:
        the plan, or a refusal when the ledger holds a failure that does not tell whether its script took effect
        (Prisma's P3009), or when there are tables and no ledger (P3005).
    """
    if ledgers.rows is None and not ledgers.fresh:
        return Refusal(
            f"The schema holds {ledgers.tables} tables but no migration ledger (Prisma's P3005), so what has been "
            "applied is unknown. If LiteLLM made them, `routeiq-migrate baseline` checks that they are complete and "
            "records it; if they belong to something else, give LiteLLM a schema of its own (?schema=)."
        )
    rows = ledgers.rows or ()
    known = {migration.name: migration for migration in shipped}
    failed = {row.name: row for row in rows if row.failed}
    applied = {row.name: row for row in rows if row.applied}
    for row in failed.values():
        if row.name not in known:
            return Refusal(failure(row))
    steps: list[Step] = []
    for migration in shipped:
        if migration.name in failed:
            step = step_after(failed[migration.name], migration)
            if step is None:
                return Refusal(failure(failed[migration.name]))
            steps.append(step)
        elif migration.name not in applied:
            steps.append(Apply(migration))
    recorded = dict(ledgers.own or ())
    newest = max(known, key=str.encode, default="")
    newest_own = max((migration.name for migration in own), default="")
    return Plan(
        steps=tuple(steps),
        own=tuple(migration for migration in own if migration.name not in recorded),
        ahead=tuple(
            sorted(
                [name for name in applied if name not in known and name.encode() > newest.encode()]
                + [f"routeiq/{name}" for name in recorded if name > newest_own]
            )
        ),
        edited=tuple(name for name, row in applied.items() if name in known and not known[name].matches(row.checksum)),
    )


def step_after(failed: Row, migration: Migration) -> Step | None:
    """Return the step that gets ``migration`` applied after a failed attempt; None where only a person can tell."""
    logs = failed.logs.strip()
    if failed.steps == 1 and not logs and migration.matches(failed.checksum):
        return Finish(migration, failed)
    if DEADLOCK in logs or is_inert(migration.script):
        return Apply(migration, replaces=failed)
    if failed.steps == 0 and not logs:
        return Apply(migration, replaces=failed, perhaps_done=True)
    return None


def failure(row: Row) -> str:
    """Say what a failed row means and how to go on."""
    return (
        f"The ledger holds a failed attempt at migration {row.name!r} (Prisma's P3009), and the record does not show "
        "whether its changes are there. Look at the schema. If all of them are there, run `routeiq-migrate resolve "
        f"--applied '{row.name}'`; if none is, `routeiq-migrate resolve --rolled-back '{row.name}'`; then `up` again."
    )
