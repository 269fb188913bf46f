"""The holder's chores: rows that are old are removed, and a replica that needs a new revision is found."""

import contextlib
from collections.abc import Callable

from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.replication.publisher import Tenure
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import spread
from routeiq_syncd.runtime.turns.waiting import woken

TIDY_SECONDS = 30.0


async def tidy(database: Database, tenure: Tenure, liveness: Liveness, look_again: Callable[[], None]) -> None:
    """Do the chores of one tenure until cancelled.

    ``look_again`` has the source asked unconditionally: where a replica is newly ahead of the database, and for as long
    as a replica is stuck, since the source may have the same content at a version that still exists.
    """
    while True:
        liveness.report("tidy", within=TIDY_SECONDS * 2 + database.session.limit)
        tenure.chores.clear()
        with contextlib.suppress(DatabaseAwayError):  # the follower records it, and nothing depends on the chores
            found = await database.tidy()
            if found.ahead > tenure.ahead or found.stuck:
                tenure.ahead = max(tenure.ahead, found.ahead)
                look_again()
        await woken(tenure.chores, TIDY_SECONDS * spread(0.8, 1.2))
