"""Following: every replica, the holder too, brings the desired revision to its own volume.

A look reads the lease and the desired revision together, and a candidate decides by the same look. Looks come by the
clock, when a notification arrives, and for callers who wait.
"""

import asyncio
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.database.faults import DatabaseAwayError, SchemaMissingError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import Sight
from routeiq_syncd.reconcile.reconciler import Reconciler
from routeiq_syncd.replication.pointed import PointedFetcher
from routeiq_syncd.revision.fetched import Failed, Fetch
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.payload import unpack
from routeiq_syncd.revision.plan import Behind, Nothing, Take, UpToDate, plan_materialise
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.liveness import Liveness
from routeiq_syncd.runtime.pace import Retry, delay, spread
from routeiq_syncd.runtime.turnstile import Turnstile
from routeiq_syncd.runtime.waiting import Asked, NoThreadError, completed
from routeiq_syncd.status.explain import barred_text, behind_text
from routeiq_syncd.status.recorder import ClusterRecorder
from routeiq_syncd.volume.volume import unusable

LOOK_SECONDS = 5.0
CANDIDATE_LOOK_SECONDS = 3.0  # a candidate also watches for a holder that died
RETRY_SECONDS = 1.0
FALLBACK_SECONDS = 10.0
TURN_SECONDS = 150.0
SCHEMA_SECONDS = 600.0


class SchemaNeverCameError(Exception):
    """The schema did not come in time; the message is a sentence."""


@dataclass(eq=False)
class Follower(Turnstile):
    """Looks at the database, and materialises the desired revision. A turn is one look.

    Attributes:
        reconciler: fetches straight from the source where the database is away at a first start.
        interval: seconds between looks.
        known_epoch: the highest epoch seen, in the database or on the volume.
    """

    database: Database
    reconciler: Reconciler
    recorder: ClusterRecorder
    liveness: Liveness
    clock: Clock
    interval: float = CANDIDATE_LOOK_SECONDS
    known_epoch: int = 0

    def __post_init__(self) -> None:
        self._volume = self.reconciler.volume
        self._failures = 0
        self._looking: asyncio.Future[Sight] | None = None  # of the one candidate
        self._away_since: float | None = None
        self._schema_missing_since: float | None = None
        self._asked = Asked[Fetch]()
        self._pointed = PointedFetcher(self.nudge, self.clock)
        self._unread: tuple[int, str] | None = None  # a revision that cannot be read, and why
        self._retry = Retry(self.clock)

    async def next_sight(self, seconds: float) -> Sight | None:
        """Return what the next look shows, None where the database has not answered for ``seconds``."""
        self._looking = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._looking}, timeout=seconds)
        return self._looking.result() if self._looking.done() else None

    async def turn(self, *, awaited: bool) -> float:
        """Look once, and follow; return the seconds until the next look.

        Raises:
            SchemaNeverCameError: the schema has been missing for `SCHEMA_SECONDS`.
        """
        if awaited:  # the caller wants it tried at once
            self._unread = None
        self.liveness.report("follow", within=TURN_SECONDS + self.database.session.limit)
        seconds = self.interval
        try:
            sight = await self._look()
            if sight.lease is not None and sight.lease.remaining > 0:
                seconds = min(seconds, sight.lease.remaining)
            try:
                await self._follow(sight)
            except OSError as error:
                self.recorder.trouble("revision", unusable(self._volume.root, error))
            if sight.barred and sight.head is None:
                await self._fall_back()
            self._failures = 0
        except DatabaseAwayError as error:
            self.recorder.trouble("database", str(error))
            self._bear_with(error)
            await self._fall_back()
            self._failures += 1
            seconds = min(self.interval, delay(RETRY_SECONDS, self._failures, 0))
        # The next look comes at least 0.05 s later than computed, so that an expiring lease has expired by then.
        return 0.05 + seconds * spread(1, 1.2)

    def _bear_with(self, error: DatabaseAwayError) -> None:
        """Wait for a missing schema, but not for ever: an operator has to see that nobody makes it.

        Raises:
            SchemaNeverCameError: the schema has been missing for `SCHEMA_SECONDS`.
        """
        now = self.clock()
        if not isinstance(error, SchemaMissingError):
            self._schema_missing_since = None
        elif self._schema_missing_since is None:
            self._schema_missing_since = now
        elif now - self._schema_missing_since > SCHEMA_SECONDS:
            raise SchemaNeverCameError(f"{error} It was waited for, for {SCHEMA_SECONDS:g} s.")

    async def _look(self) -> Sight:
        sight = await self.database.look()
        if not sight.barred:
            self._away_since = None
        session = self.database.session
        self.recorder.trouble("database", barred_text(sight.barred, session.place, session.setting))
        self.recorder.looked(sight.lease, sight.head, sight.server, sight.barred)
        self.known_epoch = max(self.known_epoch, sight.lease.epoch if sight.lease else 0)
        if self._looking is not None and not self._looking.done():
            self._looking.set_result(sight)
        return sight

    async def _follow(self, sight: Sight) -> None:
        """Bring the desired revision to the volume; what is in the way is recorded and tried again."""
        current = self._current()
        if current is not None:
            self.known_epoch = max(self.known_epoch, current.publisher.epoch)
        trouble, ahead = None, 0
        match plan_materialise(sight.head, current, self._volume.next_number() - 1):
            case Nothing() | UpToDate():
                self._pointed.forget()
            case Behind() as behind:
                trouble = behind_text(behind, sight.barred)
                ahead = 0 if sight.barred else behind.held
            case Take(number):
                trouble = await self._take(number, sight.head.digest if sight.head else "")
        self.recorder.trouble("revision", trouble)
        self.recorder.clustered(ahead=ahead)

    def _current(self) -> Manifest | None:
        """Return what the volume holds, and record it."""
        current = self._volume.current()
        self.recorder.materialised(current)
        return current

    async def _take(self, number: int, digest: str) -> str | None:
        """Materialise revision ``number``; return the sentence why not, None where it is done or under way."""
        if self._unread is not None and self._unread[0] != number:
            self._unread = None
        if self._unread is None:
            self._retry = Retry(self.clock)
        elif not self._retry.due():
            return self._unread[1]
        stored = await self.database.revision(number)
        if isinstance(stored, str):
            return self._put_off(number, stored)
        if stored.manifest.digest != digest:
            return f"The row of revision {number} in the database names a digest that its manifest does not; it waits."
        match stored.content:
            case Pointer() as pointer:
                bundle = self._pointed.content(stored.manifest, pointer)
            case payload:
                bundle = unpack(payload, stored.manifest)
                if isinstance(bundle, str):
                    return self._put_off(number, bundle)
        if not isinstance(bundle, Bundle):
            return bundle
        fault = await completed(lambda: self._volume.materialise(bundle, stored.manifest, stored.written))
        if fault is not None:
            return fault
        self.recorder.materialised(stored.manifest)
        await completed(self._volume.collect)
        return None

    def _put_off(self, number: int, reason: str) -> str:
        """Remember a revision that cannot be read, so that its row is not read again at every look; return why."""
        self._unread = number, reason
        self._retry.put_off()
        return reason

    async def _fall_back(self) -> None:
        """Fetch straight from the source where the database is away and the volume has nothing to serve."""
        now = self.clock()
        self._away_since = now if self._away_since is None else self._away_since
        if self._current() is not None or now - self._away_since < FALLBACK_SECONDS:
            return
        try:
            fetch = await self._asked.ask(self.reconciler.fetch, RETRY_SECONDS)
        except NoThreadError as error:
            fetch = Failed(f"{self.reconciler.source.location} was not asked: {error.strerror}; it is tried again.")
        if fetch is None:
            return
        began = stamp(self.reconciler.now())
        turn = await self.reconciler.apply(fetch)
        self.recorder.turned(turn, began, self._volume.current())
        if isinstance(fetch, Failed):
            await asyncio.sleep(RETRY_SECONDS)
