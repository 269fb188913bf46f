"""What the loops promise covers the longest that the database may take."""

import asyncio
import contextlib
import socket
from datetime import UTC, datetime

from routeiq_syncd.control.client import SECONDS
from routeiq_syncd.control.fleet_history import ANSWER_SECONDS, View
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.session import Session
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.lease import Timing
from routeiq_syncd.reconcile.poller import Heartbeats
from routeiq_syncd.replication.replica_row import BEAT_SECONDS, beat
from routeiq_syncd.runtime.logs import build_log
from routeiq_syncd.status.document import Cluster, Json, Snapshot
from routeiq_syncd.status.recorder import Board


def test_the_heart_is_not_late_while_it_waits_for_a_silent_database() -> None:
    """Through its wait for a turn, a connection that is never answered and a pause it keeps its word; not longer."""
    now = 0.0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        session = Session(parse_url(f"postgresql://u:p@127.0.0.1:{port}/d?connect_timeout=30"), seconds=5)
        database = Database(session, "config_sync", Timing())
        heartbeats = Heartbeats(lambda: now)
        snapshot = Snapshot(
            holder_id="h", source_kind="file", source_location="/c", cluster=Cluster("r", "config_sync")
        )
        board = Board(snapshot, build_log("syncd", level="INFO", form="json"), lambda: datetime.now(UTC))

        async def story() -> None:
            nonlocal now
            heart = asyncio.create_task(beat(database, board, heartbeats, replica_id="r", pod="p"))
            silent, _ = await asyncio.to_thread(listener.accept)  # it is connecting
            now = session.limit + BEAT_SECONDS
            assert heartbeats.late() == ()
            now += 3 * BEAT_SECONDS
            assert heartbeats.late() == ("heart",)
            listener.close()  # or it would wait to take its leave
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heart
            silent.close()

        asyncio.run(story())
    assert session.limit >= 2 * (30 + 5)


def unreached() -> Database:
    """A database that nothing here asks."""
    return Database(Session(parse_url("postgresql://u:p@127.0.0.1:1/d"), seconds=5), "config_sync", Timing())


def test_many_who_ask_share_one_question() -> None:
    """The database is asked once for all; one that hangs up takes the answer from nobody; who asks later asks anew."""
    database = unreached()
    asked = []

    async def story() -> None:
        answering = asyncio.Event()

        async def ask(about: Database) -> Json:
            asked.append(about.lock_name)
            await answering.wait()
            return {"number": len(asked)}

        view = View(database, ask)
        first, *others = [asyncio.create_task(view.reply()) for _ in range(20)]
        await asyncio.sleep(0)  # each has asked
        first.cancel()
        answering.set()
        assert await asyncio.gather(*others) == [(200, {"number": 1})] * 19
        assert await view.reply() == (200, {"number": 2})

    asyncio.run(story())
    assert asked == ["config_sync"] * 2


def test_a_question_ends_before_those_who_ask_give_up() -> None:
    """The answer then names the database; the limit is shorter than that of the command."""

    async def never(_about: Database) -> Json:
        await asyncio.Event().wait()
        raise AssertionError("unreachable: nobody sets it")

    async def story() -> tuple[int, Json]:
        async with asyncio.timeout(10):
            return await View(unreached(), never, seconds=0.05).reply()

    code, document = asyncio.run(story())
    assert (code, document["error"]) == (
        503,
        "PostgreSQL at 127.0.0.1:1 cannot be used: it has not answered for 0.05 s.",
    )
    assert ANSWER_SECONDS < SECONDS
