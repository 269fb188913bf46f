"""``wait``: block until the database is current. It changes nothing."""

import asyncio
import time

from asyncpg import PostgresError

from routeiq_migrate.database.session import LOST, Database, primary, session
from routeiq_migrate.database.url import Target
from routeiq_migrate.errors import Exit, NoDatabaseError
from routeiq_migrate.ledger import read_ledgers
from routeiq_migrate.plan.plan import Refusal
from routeiq_migrate.runtime.known_secrets import redact
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.pace import pause
from routeiq_migrate.scripts import Scripts

ANSWER_SECONDS = 5.0
"""How long a server that has gone silent is listened to, in seconds; ``wait`` may exceed its limit by that."""


async def wait(target: Target, scripts: Scripts, limit: float, log: LazyLog) -> Exit:
    """Block until the database is current, at most ``limit`` seconds; ``BEHIND`` when it is still not.

    Raises:
        UnreachableError: the server was not there in time, or it refused us.
    """
    deadline = time.monotonic() + limit
    reason = ""
    was_told = False
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            async with session(target, left, log, create=False) as database:
                while True:
                    async with asyncio.timeout(max(deadline - time.monotonic(), ANSWER_SECONDS)):
                        reason = await why_behind(database, scripts)
                    if not reason:
                        return Exit.DONE
                    if time.monotonic() >= deadline:
                        break
                    if not was_told:
                        log.info("waiting for the migration", reason=reason, limit_s=limit)
                        was_told = True
                    await pause(0.3, 0.7, until=deadline)
        except NoDatabaseError as error:
            reason = str(error)
        except LOST as error:
            reason = str(error)
        except PostgresError as error:  # while a dump is restored, for instance
            reason = f"The server refused: {redact(primary(error), target.secrets)} (SQLSTATE {error.sqlstate})."
        except TimeoutError:
            reason = "The server has stopped answering."
        if time.monotonic() >= deadline:
            log.error("the database is still behind", reason=reason, limit_s=limit)
            return Exit.BEHIND
        await pause(0.3, 0.7, until=deadline)


async def why_behind(database: Database, scripts: Scripts) -> str:
    """Return why the database is not current; empty when it is."""
    plan = scripts.plan(await read_ledgers(database))
    if isinstance(plan, Refusal):
        return plan.reason
    return "" if plan.current else f"{len(plan.names)} migrations are pending, from {plan.names[0]!r} on."
