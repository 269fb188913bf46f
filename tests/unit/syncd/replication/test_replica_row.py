"""What a replica's row says, and that the loop that writes it keeps its promise."""

import asyncio
import contextlib
import socket
from dataclasses import replace

from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.session import Session
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.lease import Timing
from routeiq_syncd.replication.replica_row import ROW_SECONDS, row_of, write_row
from routeiq_syncd.runtime.clocks import utc_now
from routeiq_syncd.runtime.logs import build_log
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.status.recorder import ClusterRecorder
from tests.support.snapshots import cluster_snapshot, manifest


def test_a_replica_that_is_ahead_says_of_what() -> None:
    """Its row names the highest number that its volume has had, since nothing at or below it can be taken."""
    snapshot = cluster_snapshot(desired=manifest(7), ahead=9)
    row = row_of(snapshot, "pod")
    assert (row.state, row.desired) == ("ahead", 9)
    row = row_of(replace(snapshot, ahead=0), "pod")
    assert (row.state, row.desired) == ("materialised", 7)


def test_the_loop_is_not_late_while_it_waits_for_a_silent_database() -> None:
    """Through its wait for a turn, a connection that is never answered and a pause it keeps its word; not longer."""
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        session = Session(parse_url(f"postgresql://u:p@127.0.0.1:{port}/d?connect_timeout=30"), seconds=5)
        database = Database(session, "config_sync", Timing())
        liveness = Liveness(lambda: now)
        recorder = ClusterRecorder(cluster_snapshot(), build_log("syncd", level="INFO", form="json"), utc_now)

        async def story() -> None:
            nonlocal now
            writing = asyncio.create_task(write_row(database, recorder, liveness, "p"))
            silent, _ = await asyncio.to_thread(listener.accept)  # it is connecting
            now = session.limit + ROW_SECONDS
            assert liveness.late() == ()
            now += 3 * ROW_SECONDS
            assert liveness.late() == ("replica row",)
            listener.close()  # or it would wait to take its leave
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            silent.close()

        asyncio.run(story())
    assert session.limit >= 2 * (30 + 5)
