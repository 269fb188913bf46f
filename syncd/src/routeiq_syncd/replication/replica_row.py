"""This replica's row in the fleet, written every few seconds and soon after a change.

A published revision changes every row of the fleet. So a change waits for a moment that differs from replica to
replica, and further changes within that moment are written with it.
"""

import asyncio
import contextlib
import json
from dataclasses import replace
from importlib.metadata import version

from routeiq_syncd.database.faults import DatabaseAwayError, RowRefusedError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import ReplicaRow
from routeiq_syncd.revision.plan import AHEAD, STUCK, is_unpublished
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import spread
from routeiq_syncd.runtime.turns.waiting import woken
from routeiq_syncd.status.recorder import ClusterRecorder
from routeiq_syncd.status.snapshot import ClusterSnapshot

ROW_SECONDS = 10.0
SPREAD_SECONDS = 1.0
LEAVE_SECONDS = 2.0
NO_REASON = "The database does not take the reason as it is written; the log and the status of this replica tell it."
VERSIONS = json.dumps({"syncd": version("routeiq-syncd")})  # read from disk, so once


def row_of(snapshot: ClusterSnapshot, pod: str) -> ReplicaRow:
    """Build the row that says what the snapshot says."""
    desired, answer = snapshot.desired, snapshot.answer
    refused = snapshot.refused or answer.refused
    trouble = dict(snapshot.troubles).get("revision")
    if snapshot.ahead:
        state = AHEAD
    elif trouble is not None:
        state = STUCK
    elif is_unpublished(desired, snapshot.head):
        state = "unpublished"
    elif desired is None:
        state = "empty"
    elif answer.refuses(desired):
        state = "refused"
    else:
        state = "serving" if answer.serving and answer.serving.digest == desired.digest else "materialised"
    reason = trouble.message if trouble is not None else refused.reason if refused else ""
    return ReplicaRow(
        pod=pod,
        versions=VERSIONS,
        # A replica that is ahead asks for a revision above all that its volume has had.
        desired=snapshot.ahead or (desired.number if desired else None),
        serving=answer.serving.number if answer.serving else None,
        state=state,
        refused=refused.digest if refused else None,
        reason=reason,
        process=snapshot.holder_id,
    )


async def write_row(database: Database, recorder: ClusterRecorder, liveness: Liveness, pod: str) -> None:
    """Write the row until cancelled; then remove it."""
    written: ReplicaRow | None = None
    due, again = 0.0, False
    loop = asyncio.get_running_loop()
    try:
        while True:
            liveness.report("replica row", within=ROW_SECONDS * 2 + database.session.limit)
            recorder.row_due.clear()
            row = row_of(recorder.snapshot, pod)
            if recorder.snapshot.barred:
                written, due = None, loop.time() + ROW_SECONDS
            elif row != written or loop.time() >= due:
                try:
                    await _write(database, recorder, row, again=again)
                    again = True
                    written, due = row, loop.time() + ROW_SECONDS * spread(0.9, 1.1)
                except DatabaseAwayError as error:
                    recorder.trouble("replica row", str(error))
                    written, due = None, loop.time()
                    await asyncio.sleep(spread(1, 4))
            await woken(recorder.row_due, due - loop.time())
            await asyncio.sleep(spread(0.1, SPREAD_SECONDS))
    finally:
        with contextlib.suppress(DatabaseAwayError, TimeoutError):  # the row grows old by itself then
            async with asyncio.timeout(LEAVE_SECONDS):
                await database.leave(recorder.snapshot.replica_id, recorder.snapshot.holder_id)


async def _write(database: Database, recorder: ClusterRecorder, row: ReplicaRow, *, again: bool) -> None:
    """Write the row; where the database does not take it, write it without the texts of the gateway and of syncd.

    One text can be in the rows of all replicas at once; a text that PostgreSQL rejects must end none of them. Where
    this process has written the row before (``again``), whoever wrote it since is another.

    Raises:
        DatabaseAwayError: the row was not written.
    """
    replica_id, acked = recorder.snapshot.replica_id, recorder.snapshot.unrecorded_ack
    try:
        if acked is not None:
            await database.ack(acked)
        process, pod = await database.write_replica(replica_id, row)
        shared = again and process not in ("", row.process)
        recorder.clustered(twin=f"{process} on {pod}" if shared else "")
    except RowRefusedError as error:
        message = f"The database does not take this replica's row as it is; it goes without its reason. {error}"
        recorder.trouble("replica row", message)
        with contextlib.suppress(RowRefusedError):
            await database.write_replica(replica_id, replace(row, refused=None, reason=NO_REASON))
    else:
        recorder.trouble("replica row", None)
