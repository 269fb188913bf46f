"""What people can ask of the database: the fleet, and the history of its revisions."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from routeiq_syncd.database import rows as columns
from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.questions import KEEP_REVISIONS, Database
from routeiq_syncd.database.rows import checked
from routeiq_syncd.database.statements import REQUESTS
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.status.document import Json

ANSWER_SECONDS = 8.0  # less than a client waits, so that it hears why

FLEET = """
SELECT replica_id, pod, versions, desired, serving, state, refused, reason, started_at, heartbeat_at,
       extract(epoch FROM clock_timestamp() - heartbeat_at)::float8 AS silent_seconds
FROM routeiq.replica WHERE lock_name = $1 ORDER BY pod, replica_id LIMIT 5000"""

HISTORY = """
SELECT number, digest, epoch, holder_id, source, note, created_at, acked_at, action, restores, asked_by, passes_over
FROM routeiq.revision WHERE lock_name = $1 ORDER BY number DESC LIMIT $2"""


@dataclass(eq=False)
class Question:
    """One question to the database, asked once for all clients who wait for it at a time, for ``seconds`` at most."""

    database: Database
    ask: Callable[[Database], Awaitable[Json]]
    seconds: float = ANSWER_SECONDS
    _asking: asyncio.Task[tuple[int, Json]] | None = field(default=None, init=False)

    async def reply(self, _query: Mapping[str, str] | None = None) -> tuple[int, Json]:
        """Return HTTP's status code and the JSON object, or the reason why there is none."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._reply())
        # A client that hangs up takes the answer from no other.
        return await asyncio.shield(self._asking)

    async def _reply(self) -> tuple[int, Json]:
        try:
            async with asyncio.timeout(self.seconds):
                return 200, await self.ask(self.database)
        except DatabaseAwayError as error:
            return 503, {"error": str(error)}
        except TimeoutError:
            reason = f"{self.database.session.place} cannot be used: it has not answered for {self.seconds:g} s."
            return 503, {"error": reason}


async def fleet(database: Database) -> Json:
    """Return the replicas, the lease and the desired revision.

    Raises:
        DatabaseAwayError: the database cannot be asked.
    """
    sight = await database.look()
    async with database.session.use() as connection:
        rows = [checked(row, columns.FLEET) for row in await connection.fetch(FLEET, database.lock_name)]
    lease = sight.lease
    return {
        "lock_name": database.lock_name,
        "database": sight.identity or None,
        "lease": lease
        and {
            "holder_id": lease.holder_id,
            "epoch": lease.epoch,
            "expires_at": stamp(lease.expires_at),
            "remaining_seconds": round(lease.remaining, 3),
        },
        "desired": sight.head and {"number": sight.head.number, "digest": sight.head.digest},
        "pin": sight.standing.pin and vars(sight.standing.pin),
        "waiting": sight.standing.waiting and vars(sight.standing.waiting),
        "replicas": [_plain(row) for row in rows],
    }


async def history(database: Database, limit: int = KEEP_REVISIONS) -> Json:
    """Return the newest ``limit`` revisions and requests, newest first, with the pin and what waits.

    Raises:
        DatabaseAwayError: the database cannot be asked.
    """
    async with database.session.use() as connection:
        rows = [checked(row, columns.HISTORY) for row in await connection.fetch(HISTORY, database.lock_name, limit)]
        asked = [checked(row, columns.REQUEST) for row in await connection.fetch(REQUESTS, database.lock_name, limit)]
    standing = (await database.look()).standing
    return {
        "lock_name": database.lock_name,
        "revisions": [_plain(row) for row in rows],
        "pin": standing.pin and vars(standing.pin),
        "waiting": standing.waiting and vars(standing.waiting),
        "requests": [_plain(row) for row in asked],
    }


def _plain(row: Json) -> Json:
    """Turn a row into JSON: instants as texts, columns of JSON parsed."""
    plain: Json = {}
    for name, value in row.items():
        if isinstance(value, datetime):
            plain[name] = stamp(value)
        elif isinstance(value, str) and name in {"versions", "source", "answer"}:
            plain[name] = _parsed(value)
        else:
            plain[name] = round(value, 3) if isinstance(value, float) else value
    return plain


def _parsed(value: str) -> object:
    """Parse JSON; return the text where PostgreSQL takes JSON that Python does not, such as a very long number."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
