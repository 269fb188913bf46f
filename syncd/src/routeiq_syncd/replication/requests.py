"""What operators ask of a fleet: any replica writes a request down, the holder carries it out, and both see the answer.

A request is a row. The holder answers it in the transaction that does what is asked, under the fence; who asked waits
for the answer, and withdraws the request where none comes in time. Each answers only a row that nobody has answered, so
a request was carried out, or it never is, whatever is killed or slow.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from routeiq_syncd.database import rows as columns
from routeiq_syncd.database import statements
from routeiq_syncd.database.connect import Connection
from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.questions import Database, standing_of
from routeiq_syncd.database.rows import Sight
from routeiq_syncd.history.requests import Do, Kept, Request, Settled, checked, done_text, plan_request
from routeiq_syncd.history.standing import Pin, write_record
from routeiq_syncd.lease import Lost, trusted
from routeiq_syncd.replication.old_revisions import Recall
from routeiq_syncd.replication.publisher import Tenure
from routeiq_syncd.replication.rollback import Origin, locked, restore
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.plan import Head
from routeiq_syncd.runtime.clocks import Clock, Now
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import spread
from routeiq_syncd.runtime.turns.waiting import woken

ANSWER_SECONDS = 6.0  # less than a client of the control socket waits
ASK_AGAIN_SECONDS = 0.1
OPEN_SECONDS = 8.0
"""Seconds after which the holder leaves a request alone: who asked has gone without withdrawing it."""
LOOK_SECONDS, POLL_SECONDS = 5.0, 0.7
"""Seconds between looks for requests, where news arrives by notification and where it does not."""
KEEP_REQUESTS = 100
Reply = tuple[int, dict[str, object]]


async def ask_holder(database: Database, request: Request) -> Reply:
    """Write a request down and wait for its answer; return HTTP's code with the answer, or with the reason for none."""
    try:
        sight = await database.look()
        if reason := _nobody(sight):
            return 503, {"error": f"{reason} Nothing was changed; ask again."}
        fields = (request.action, request.number, request.note, request.by, OPEN_SECONDS)
        async with database.session.use(transaction=True) as connection:
            asked = await connection.fetchval(statements.ASK, database.lock_name, *fields)
            await connection.execute(f"SELECT pg_notify('{database.channel}', 'asked')")
    except DatabaseAwayError as error:
        return 503, {"error": f"{error} Nothing was changed."}
    holder = sight.lease.holder_id if sight.lease else ""
    try:
        return await _answer(database, asked, holder)
    except DatabaseAwayError as error:
        return 503, {"error": f"{error} Whether the holder did what was asked is not known: see `history`."}


def _nobody(sight: Sight) -> str | None:
    """Say why no holder can be asked, None where one can."""
    if sight.barred:
        return "The database cannot be written now, so no holder can be asked."
    if sight.lease is None or sight.lease.remaining <= 0:
        return "Nobody holds the lease now, so nobody can be asked."
    return None


async def _answer(database: Database, asked: int, holder: str) -> Reply:
    loop = asyncio.get_running_loop()
    until = loop.time() + ANSWER_SECONDS
    while True:
        async with database.session.use() as connection:
            answer = await connection.fetchval(statements.ANSWERED, asked)
        if answer is not None:
            return _reply(answer)
        if loop.time() > until:
            break
        await asyncio.sleep(ASK_AGAIN_SECONDS)
    reason = (
        f"The holder {holder} did not take the request up within {ANSWER_SECONDS:g} s: the lease may be changing "
        "hands, or its release knows no requests. Nothing was changed; ask again."
    )
    withdrawn = json.dumps({"code": 503, "error": reason})
    async with database.session.use() as connection:
        if await connection.fetchval(statements.ANSWER, asked, withdrawn) is None:
            return _reply(await connection.fetchval(statements.ANSWERED, asked))
    return 503, {"error": reason}


def _reply(answer: str) -> Reply:
    """Return an answer as HTTP has it; a holder of another release may have written anything."""
    fields = json.loads(answer)
    if not isinstance(fields, dict):
        return 502, {"error": "The holder's answer cannot be read by this release; see `history`."}
    code = fields.pop("code", 200)
    return (code if type(code) is int and 200 <= code <= 599 else 502), fields  # noqa: PLR2004 - HTTP's own numbers


@dataclass(kw_only=True, eq=False)
class RequestTaking:
    """The holder's side, for one tenure.

    Attributes:
        recall: reads the content of revisions: what cannot be opened here is not gone back to.
        notified: whether news arrives by notification.
        changed: called when something was changed.
    """

    database: Database
    tenure: Tenure
    recall: Recall
    floor: Callable[[], int]
    notified: Callable[[], bool]
    changed: Callable[[], None]
    liveness: Liveness
    clock: Clock
    now: Now
    log: Log

    async def run(self) -> None:
        """Take requests up until cancelled."""
        while True:
            self.liveness.report(
                "requests", within=LOOK_SECONDS * 2 + ANSWER_SECONDS * 20 + self.database.session.limit
            )
            self.tenure.requests.clear()
            with contextlib.suppress(DatabaseAwayError):  # the follower records it, and who asked is told in time
                await self._take_up()
            seconds = LOOK_SECONDS if self.notified() else POLL_SECONDS
            await woken(self.tenure.requests, seconds * spread(0.8, 1.2))

    async def _take_up(self) -> None:
        async with self.database.session.use() as connection:
            found = await connection.fetch(statements.OPEN, self.database.lock_name)
            rows = [columns.checked(row, columns.OPEN) for row in found]
        for row in rows:
            fields = {"number": row["number"], "note": row["note"], "by": row["asked_by"]}
            request = checked(row["action"], fields)
            if isinstance(request, str):
                await self._answer_with(row["id"], 400, request)
                continue
            code = await self._carry_out(row["id"], request)
            if code:
                async with self.database.session.use() as connection:
                    await connection.execute(statements.FORGET, self.database.lock_name, KEEP_REQUESTS)
                self.log.info("request answered", action=request.action, number=request.number, code=code)

    async def _carry_out(self, asked: int, request: Request) -> int:
        """Carry one request out and answer it; return the code, 0 where the term is over."""
        target = None if request.number is None else await self._kept(request.number)
        if target is not None and (reason := await self._closed(target)) is not None:
            await self._answer_with(asked, 409, reason)
            return 409
        async with self.tenure.deciding:
            outcome = await self._decide(asked, request, target)
        if outcome is None:
            self.tenure.over.set()
            return 0
        self.changed()
        return outcome

    async def _kept(self, number: int) -> Kept | None:
        async with self.database.session.use() as connection:
            row = await connection.fetchrow(statements.KEPT, self.database.lock_name, number)
            return None if row is None else Kept(**columns.checked(row, columns.KEPT))

    async def _closed(self, target: Kept) -> str | None:
        """Say why the content of a revision cannot be had any more, None where it can."""
        sight = await self.database.look()
        if sight.head is not None and sight.head.digest == target.digest:
            return None  # nothing is restored
        found = await self.recall.bundle(Head(target.number, target.digest))
        return f"Revision {target.number} cannot be gone back to. {found}" if isinstance(found, str) else None

    async def _decide(self, asked: int, request: Request, target: Kept | None) -> int | None:
        """Decide and do, in one transaction, and return the code; None where the term is over."""
        term = self.tenure.term
        if not trusted(term, self.clock()):
            return None
        async with self.database.session.use(transaction=True) as connection:
            row = await locked(connection, self.database)
            if row is None:
                return None  # there is no lease
            if await connection.fetchrow(statements.STILL_OPEN, asked) is None:
                return 410  # withdrawn, or expired
            desired = None if row["number"] is None else Kept(row["number"], row["digest"])
            standing = standing_of(row)
            plan = plan_request(request, target, desired, standing)
            if isinstance(plan, Settled):
                code, message, number = plan.code, plan.message, desired.number if desired else None
            else:
                done = await self._do(connection, request, plan, row=row, target=target)
                if isinstance(done, Lost):
                    return None
                code, number = (404, None) if done is None else (200, done)
                message = (
                    f"Revision {request.number} is no longer in the history."
                    if number is None
                    else done_text(request, plan, number, desired, standing.pin)
                )
            fields = {"code": code, "error" if code >= 400 else "message": message, "number": number}  # noqa: PLR2004
            await connection.fetchval(statements.ANSWER, asked, json.dumps(fields, ensure_ascii=False))
        return code

    async def _do(
        self, connection: Connection, request: Request, plan: Do, *, row: dict[str, Any], target: Kept | None
    ) -> int | Lost | None:
        """Record what `plan` says; ``row`` is the row of `statements.STANDING`, read under the lock of the lease."""
        term, number = self.tenure.term, row["number"]
        if plan.restore is not None:
            over = row["from_source"] if plan.passes_over else row["passes_over"]
            origin = Origin(request.action, request.note, request.by, None if over == plan.restore.digest else over)
            head = Head(plan.restore.number, plan.restore.digest)
            number = await restore(connection, self.database, term, head, floor=self.floor(), origin=origin)
            if not isinstance(number, int):
                return number
        if plan.pin is not None:
            digest = target.digest if target else row["digest"]
            pin = Pin(number, digest, request.note, request.by, stamp(self.now())) if plan.pin else None
            fields = (self.database.lock_name, term.holder_id, term.epoch, write_record(pin), plan.restore is not None)
            if await connection.fetchrow(statements.PIN, *fields) is None:
                return Lost()
        return int(number)

    async def _answer_with(self, asked: int, code: int, message: str) -> None:
        text = json.dumps({"code": code, "error": message}, ensure_ascii=False)
        async with self.database.session.use() as connection:
            await connection.fetchval(statements.ANSWER, asked, text)
