"""Leader election put together: what `__main__` runs beside the loops of single mode. Apart, for asyncpg's memory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from routeiq_syncd.control.fleet_history import View, fleet, history
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.seal import Ring
from routeiq_syncd.database.session import Session
from routeiq_syncd.election.notifications import Ears
from routeiq_syncd.election.states import Election, tidy
from routeiq_syncd.reconcile.poller import Heartbeats, Poller, watch
from routeiq_syncd.reconcile.reconciler import Now, Sync
from routeiq_syncd.replication.follower import Follower
from routeiq_syncd.replication.publisher import Publishing, Tenure
from routeiq_syncd.replication.replica_row import beat
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.fetched import Fetch
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.runtime.waiting import Asked
from routeiq_syncd.settings import ElectionSettings
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.status.recorder import Board

# After a failover each live replica has found the new server and told what it has had within a retry of its connection,
# a look and a heartbeat.
SETTLE_SECONDS = 12.0
# A clock that nobody sets and that runs in suspend, where the system has one.
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds since some instant in the past."""
    return time.clock_gettime(CLOCK)


@dataclass
class Cluster:
    """The parts, for as long as the process runs.

    Attributes:
        sync: single mode's turn, for a cold start without the database.
        rules: whose publisher names this process.
        interval: seconds between polls of the source.
        checkpoint: called between the steps of a publish.
        views: what people can ask of the database, by path.
    """

    settings: ElectionSettings
    sync: Sync
    rules: Rules
    board: Board
    heartbeats: Heartbeats
    log: Log
    now: Now
    interval: float
    checkpoint: Callable[[str], None]
    replica_id: str
    pod: str

    def __post_init__(self) -> None:
        timing = self.settings.timing
        session = Session(self.settings.target, seconds=timing.statement, setting=self.settings.setting)
        self.database = Database(session, self.settings.lock_name, timing, Ring(self.settings.keys))
        self.follower = Follower(self.database, self.sync, self.board, self.heartbeats, now=self.now, clock=clock)
        self.ears = Ears(self.database, self.follower, self.board, self.heartbeats, self.log)
        self.views = {"/fleet": View(self.database, fleet).reply, "/history": View(self.database, history).reply}
        self._poller: Poller | None = None
        self._asked = Asked[Fetch]()

    def loops(self) -> list[Awaitable[None]]:
        """Return the loops to run."""
        election = Election(
            self.database,
            self.follower,
            self.ears,
            self.board,
            heartbeats=self.heartbeats,
            log=self.log,
            holder_id=self.rules.publisher.holder_id,
            timing=self.settings.timing,
            interval=self.interval,
            clock=clock,
            work=self._work,
        )
        heart = beat(self.database, self.board, self.heartbeats, replica_id=self.replica_id, pod=self.pod)
        return [self.follower.run(), self.ears.run(), election.run(), heart]

    async def turn_now(self) -> None:
        """Poll the source where this process holds the lease; then follow what is desired."""
        if self._poller is not None:
            await self._poller.turn_now()
        await self.follower.turn_now()

    def _work(self, tenure: Tenure) -> list[Awaitable[None]]:
        """Make the loops of one tenure."""
        publishing = Publishing(
            tenure,
            source=self.sync.source,
            volume=self.sync.volume,
            database=self.database,
            follower=self.follower,
            timing=self.settings.timing,
            rules=self.rules,
            log=self.log,
            now=self.now,
            clock=clock,
            checkpoint=self.checkpoint,
        )
        self.ears.on_ahead = tenure.chores.set
        poller = Poller(publishing, self.board, self.heartbeats, self._asked, interval=self.interval, now=self.now)

        def look_again() -> None:
            publishing.forget()
            poller.nudge()

        loops: list[Awaitable[None]] = [
            self._polling(poller, tenure),
            tidy(self.database, tenure, self.heartbeats, look_again),
        ]
        if isinstance(self.sync.source, FileSource):
            loops.append(watch(self.sync.source, poller, self.heartbeats, self.log, interval=self.interval))
        return loops

    async def _polling(self, poller: Poller, tenure: Tenure) -> None:
        if tenure.failed_over:
            self.log.warning(
                "nothing is published yet: the replicas tell first what they have had", seconds=SETTLE_SECONDS
            )
            await asyncio.sleep(SETTLE_SECONDS)
        self._poller = poller
        try:
            await poller.run()
        finally:
            self._poller = None
            self.heartbeats.forget("poll", "tidy", "watch")
