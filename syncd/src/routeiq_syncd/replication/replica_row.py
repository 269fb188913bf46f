"""The heartbeat: this replica's row in the fleet, written every few seconds and soon after a change.

A published revision changes every row of the fleet. So a change waits for a moment, which differs from replica to
replica, and what happens meanwhile travels with it.
"""

import asyncio
import contextlib
import json
import random
from dataclasses import replace
from importlib.metadata import version

from routeiq_syncd.database.questions import Beat, Database
from routeiq_syncd.database.session import REFUSALS, DatabaseAwayError
from routeiq_syncd.reconcile.poller import Heartbeats
from routeiq_syncd.revision.plan import AHEAD, STUCK, is_unpublished
from routeiq_syncd.runtime.waiting import woken
from routeiq_syncd.status.document import Snapshot
from routeiq_syncd.status.recorder import Board

BEAT_SECONDS = 10.0
SPREAD_SECONDS = 1.0
LEAVE_SECONDS = 2.0
UNTOLD = "The database does not take the reason as it is written; the log and the status of this replica tell it."
VERSIONS = json.dumps({"syncd": version("routeiq-syncd")})  # read from disk, so once


def beat_of(snapshot: Snapshot, pod: str) -> Beat:
    """Say in a row what the status says."""
    desired, answer, cluster = snapshot.desired, snapshot.answer, snapshot.cluster
    refused = snapshot.refused or answer.refused
    troubles = dict(snapshot.troubles)
    ahead = cluster.ahead if cluster else 0
    if ahead:
        state = AHEAD
    elif "revision" in troubles:
        state = STUCK
    elif is_unpublished(desired, cluster.head if cluster else None):
        state = "unpublished"
    elif desired is None:
        state = "empty"
    elif answer.refused is not None and answer.refused.digest == desired.digest:
        state = "refused"
    else:
        state = "serving" if answer.serving and answer.serving.digest == desired.digest else "materialised"
    reason = troubles["revision"].message if "revision" in troubles else refused.reason if refused else ""
    return Beat(
        pod=pod,
        versions=VERSIONS,
        # Ahead, it asks to be published above all that its volume has had.
        desired=ahead or (desired.number if desired else None),
        serving=answer.serving.number if answer.serving else None,
        state=state,
        refused=refused.digest if refused else None,
        reason=reason,
    )


async def beat(database: Database, board: Board, heartbeats: Heartbeats, *, replica_id: str, pod: str) -> None:
    """Write the row until cancelled; then remove it."""
    sent: Beat | None = None
    due = 0.0
    loop = asyncio.get_running_loop()
    try:
        while True:
            heartbeats.beat("heart", within=BEAT_SECONDS * 2 + database.session.limit)
            board.altered.clear()
            mine, cluster = beat_of(board.snapshot, pod), board.snapshot.cluster
            if cluster is not None and cluster.barred:
                sent, due = None, loop.time() + BEAT_SECONDS
            elif mine != sent or loop.time() >= due:
                try:
                    await _write(database, board, replica_id, mine)
                    sent, due = mine, loop.time() + BEAT_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load
                except DatabaseAwayError:  # told by the follower
                    sent, due = None, loop.time()
                    await asyncio.sleep(random.uniform(1, 4))  # noqa: S311 - as above
            await woken(board.altered, due - loop.time())
            await asyncio.sleep(random.uniform(0.1, SPREAD_SECONDS))  # noqa: S311 - as above
    finally:
        with contextlib.suppress(DatabaseAwayError, TimeoutError):  # the row grows old by itself then
            async with asyncio.timeout(LEAVE_SECONDS):
                await database.leave(replica_id)


async def _write(database: Database, board: Board, replica_id: str, mine: Beat) -> None:
    """Write the row; without what others have worded where the database does not take that.

    Every replica may have the same reason to tell, and none may die of it.

    Raises:
        DatabaseAwayError: it was not written.
    """
    try:
        await database.beat(replica_id, mine)
    except REFUSALS as error:
        fault = type(error).__name__
        told = f"The database does not take this replica's row as it is ({fault}); it goes without its reason."
        board.trouble("heartbeat", told)
        with contextlib.suppress(*REFUSALS):
            await database.beat(replica_id, replace(mine, refused=None, reason=UNTOLD))
    else:
        board.trouble("heartbeat", None)
