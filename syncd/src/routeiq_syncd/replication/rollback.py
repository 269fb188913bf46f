"""Making the content of an earlier revision the newest: copied from row to row, unopened, under the fence.

The row's payload or pointer stays what it was, and so does its digest; number, publisher and instant are new. A
manifest of another release keeps the fields that this release does not know.
"""

import json
from dataclasses import dataclass
from typing import Any

from routeiq_syncd.database import statements
from routeiq_syncd.database.connect import Connection
from routeiq_syncd.database.questions import Database, standing_of
from routeiq_syncd.database.rows import NUMBER, REVISION, STANDING, checked
from routeiq_syncd.lease import Lost, Term
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.plan import Head


@dataclass(frozen=True)
class Origin:
    """How a restored revision came to be: what was asked, why and by whom, and what it passes over."""

    action: str
    note: str
    by: str
    passes_over: str | None


async def locked(connection: Connection, database: Database) -> dict[str, Any] | None:
    """Lock the lease row for this transaction; return the row of `statements.STANDING`, None without a lease."""
    await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {database.statement_milliseconds}")
    await connection.fetchrow(statements.LOCK, database.lock_name)
    row = await connection.fetchrow(statements.STANDING, database.lock_name)
    return None if row is None else checked(row, STANDING)


async def restore(
    connection: Connection, database: Database, term: Term, target: Head, *, floor: int, origin: Origin
) -> int | Lost | None:
    """Record the content of ``target`` as the newest revision, inside a transaction that has locked the lease row.

    Returns:
        its number, which is above ``floor``; `Lost` where the term does not hold; None where ``target`` is gone.
    """
    lock = database.lock_name
    kept = await connection.fetchrow(statements.REVISION, lock, target.number)
    if kept is None:
        return None
    found = checked(kept, REVISION)
    numbered = checked(await connection.fetchrow(statements.NUMBER, lock, floor), NUMBER)
    number, at = numbered["number"], numbered["at"]
    fields = json.loads(found["manifest"])
    fields |= {"number": number, "created_at": stamp(at), "publisher": vars_of(term)}
    recorded = await connection.fetchrow(
        statements.RESTORE,
        lock,
        term.holder_id,
        term.epoch,
        number,
        target.number,
        json.dumps(fields, ensure_ascii=False),
        at,
        origin.note,
        origin.action,
        origin.by,
        origin.passes_over,
    )
    if recorded is None:
        return Lost()
    await connection.execute(f"SELECT pg_notify('{database.channel}', 'published {numbered['replicas']}')")
    return int(number)


def vars_of(term: Term) -> dict[str, object]:
    """Return the publisher as a manifest has it."""
    return {"holder_id": term.holder_id, "epoch": term.epoch}


async def anew(database: Database, term: Term, head: Head, floor: int) -> int | Lost | None:
    """Record the content of the desired revision anew, with what it passes over; see `restore`.

    Raises:
        DatabaseAwayError: the database cannot be asked, or has not said whether it was recorded.
    """
    async with database.session.use(transaction=True) as connection:
        row = await locked(connection, database)
        passed = standing_of(row).passed if row is not None else None
        origin = Origin("rollback", "The same content anew, above a replica that is ahead.", "", passed)
        return await restore(connection, database, term, head, floor=floor, origin=origin)
