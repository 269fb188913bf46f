"""Leader election put together. Imported only where a database connects several syncds, for asyncpg's memory."""

import asyncio
import secrets
from collections.abc import Awaitable

from routeiq_syncd.assembly.parts import Parts
from routeiq_syncd.control.fleet_history import Question, fleet, history
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.seal import Ring
from routeiq_syncd.database.session import Session
from routeiq_syncd.election.chores import tidy
from routeiq_syncd.election.notifications import Notifications
from routeiq_syncd.election.states import ElectionStates
from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.replication.follower import Follower
from routeiq_syncd.replication.publisher import Publishing, Tenure
from routeiq_syncd.replication.replica_row import write_row
from routeiq_syncd.revision.fetched import Fetch
from routeiq_syncd.runtime.clocks import steady
from routeiq_syncd.runtime.turns.waiting import Asked
from routeiq_syncd.settings import ElectionSettings
from routeiq_syncd.status.ownership import Ownership
from routeiq_syncd.status.recorder import ClusterRecorder
from routeiq_syncd.status.snapshot import ClusterSnapshot

# After a failover each live replica has found the new server and told what it has had within a retry of its connection,
# a look and a write of its row.
SETTLE_SECONDS = 12.0


class LeaderElection:
    """Leader election, for as long as the process runs: what is known, and the questions to the database by path."""

    def __init__(self, parts: Parts, settings: ElectionSettings) -> None:
        self._parts = parts
        self._timing = settings.timing
        session = Session(settings.target, seconds=settings.timing.statement)
        database = Database(session, settings.lock_name, settings.timing, Ring(settings.keys))
        replica_id = parts.volume.identity(f"{parts.host}-{secrets.token_hex(4)}")
        first = ClusterSnapshot(**parts.first_fields(), replica_id=replica_id, lock_name=settings.lock_name)
        self.recorder = ClusterRecorder(first, parts.log, parts.now)
        self.questions = {"/fleet": Question(database, fleet).reply, "/history": Question(database, history).reply}
        self._database = database
        self._ownership = Ownership(parts.source.kind, parts.source.location, settings.refuse_foreign)
        self._follower = Follower(
            database,
            parts.reconciler(),
            self.recorder,
            parts.liveness,
            steady,
            self._ownership,
            emulator=parts.settings.emulator,
        )
        self._notifications = Notifications(database, self._follower, self.recorder, parts.liveness)
        self._poller: Poller | None = None
        self._asked = Asked[Fetch]()

    def loops(self) -> list[Awaitable[None]]:
        """Make the loops that leader election adds to the common ones."""
        parts, database, recorder = self._parts, self._database, self.recorder
        states = ElectionStates(
            database=database,
            follower=self._follower,
            notifications=self._notifications,
            recorder=recorder,
            liveness=parts.liveness,
            holder_id=parts.rules.publisher.holder_id,
            timing=self._timing,
            interval=parts.settings.interval,
            clock=steady,
            work=self._work,
        )
        row = write_row(database, recorder, parts.liveness, parts.host)
        return [self._follower.run(), self._notifications.run(), states.run(), row]

    async def turn_now(self) -> None:
        """Poll the source where this process holds the lease; then follow; return when both have ended."""
        if self._poller is not None:
            await self._poller.turn_now()
        await self._follower.turn_now()

    def _work(self, tenure: Tenure) -> list[Awaitable[None]]:
        """Make the loops of one tenure."""
        parts = self._parts
        publishing = Publishing(
            source=parts.source,
            volume=parts.volume,
            rules=parts.rules,
            now=parts.now,
            tenure=tenure,
            database=self._database,
            ownership=self._ownership,
            timing=self._timing,
            log=parts.log,
            clock=steady,
            published=self._follower.nudge,
            checkpoint=parts.checkpoint,
        )
        self._notifications.on_ahead = tenure.chores.set
        poller = Poller(publishing, self.recorder, parts.liveness, self._asked, parts.settings.interval)

        def look_again() -> None:
            publishing.memory.known = None
            poller.nudge()

        chores = tidy(self._database, tenure, parts.liveness, look_again)
        return [self._polling(poller, tenure), chores, *parts.watches(poller.nudge)]

    async def _polling(self, poller: Poller, tenure: Tenure) -> None:
        if tenure.failed_over:
            self._parts.log.warning(
                "nothing is published yet: the replicas tell first what they have had", seconds=SETTLE_SECONDS
            )
            await asyncio.sleep(SETTLE_SECONDS)
        self._poller = poller
        try:
            await poller.run()
        finally:
            self._poller = None
            self._parts.liveness.forget("poll", "tidy", "watch")
