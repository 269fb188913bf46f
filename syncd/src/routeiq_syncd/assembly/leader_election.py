"""Leader election put together. Imported only where a database connects several syncds, for asyncpg's memory."""

import asyncio
import secrets
from collections.abc import Awaitable
from functools import partial

from routeiq_syncd.assembly.parts import Parts
from routeiq_syncd.control.fleet_history import Question, fleet, history
from routeiq_syncd.control.server import Query, Questions, Reply
from routeiq_syncd.control.show_and_diff import commands, diff, show
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.seal import Ring
from routeiq_syncd.database.session import Session
from routeiq_syncd.election.chores import tidy
from routeiq_syncd.election.notifications import Notifications
from routeiq_syncd.election.states import ElectionStates
from routeiq_syncd.reconcile.poller import Poller
from routeiq_syncd.replication.follower import Follower
from routeiq_syncd.replication.old_revisions import Recall
from routeiq_syncd.replication.pointed import PointedFetcher
from routeiq_syncd.replication.publisher import Publishing, Tenure
from routeiq_syncd.replication.reading import RevisionReader
from routeiq_syncd.replication.replica_row import write_row
from routeiq_syncd.replication.requests import RequestTaking, ask_holder
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
        self._database = database
        self._ownership = Ownership(parts.source.kind, parts.source.location, settings.refuse_foreign)
        self.questions: Questions = {
            "/fleet": Question(database, fleet).reply,
            "/history": Question(database, history).reply,
            "/revision": self._show,
            "/diff": self._diff,
        }
        self.commands = commands(partial(ask_holder, database))
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

    async def _show(self, query: Query) -> Reply:
        return await show(self._recall().content, query)

    async def _diff(self, query: Query) -> Reply:
        return await diff(self._recall().content, query)

    def _recall(self) -> Recall:
        """Make what reads old revisions: each caller has its own, so that none waits for another's content."""
        fetcher = PointedFetcher(
            self._parts.volume.shelf, lambda: None, steady, lambda: 0.0, self._parts.settings.emulator
        )
        reader = RevisionReader(self._database, fetcher, self._ownership, steady)
        return Recall(self._database, self._parts.volume, reader)

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
        self._notifications.on_asked = tenure.requests.set
        poller = Poller(publishing, self.recorder, parts.liveness, self._asked, parts.settings.interval)

        def look_again() -> None:
            publishing.memory.known = None
            poller.nudge()

        def changed() -> None:
            look_again()
            self._follower.nudge()

        chores = tidy(self._database, tenure, parts.liveness, look_again)
        taking = RequestTaking(
            database=self._database,
            tenure=tenure,
            recall=self._recall(),
            floor=lambda: parts.volume.next_number() - 1,
            notified=lambda: self.recorder.snapshot.delivery == "listen",
            changed=changed,
            liveness=parts.liveness,
            clock=steady,
            now=parts.now,
            log=parts.log,
        )
        return [self._polling(poller, tenure), chores, taking.run(), *parts.watches(poller.nudge)]

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
            self._parts.liveness.forget("poll", "tidy", "watch", "requests")
