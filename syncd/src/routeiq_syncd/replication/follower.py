"""Following: every replica, the holder too, brings the desired revision to its own volume.

A look reads the lease and the desired revision together; a candidate decides by the same look. Looks come by the
clock, when a notification arrives, and for those who ask and wait.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.database.questions import Database, Sight
from routeiq_syncd.database.session import DatabaseAwayError, SchemaMissingError
from routeiq_syncd.reconcile.poller import Heartbeats, delay
from routeiq_syncd.reconcile.reconciler import Now, Sync
from routeiq_syncd.replication.pointed import Puller
from routeiq_syncd.revision.fetched import Failed, Fetch
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.payload import unpack
from routeiq_syncd.revision.plan import Behind, Nothing, Take, UpToDate, plan_materialise
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.runtime.waiting import Asked, completed, settle, woken
from routeiq_syncd.status.explain import barred_text, behind_text
from routeiq_syncd.status.recorder import Board

LOOK_SECONDS = 5.0
CANDIDATE_LOOK_SECONDS = 3.0  # a candidate also watches for a holder that died
RETRY_SECONDS = 1.0
FALLBACK_SECONDS = 10.0
TURN_SECONDS = 150.0
SCHEMA_SECONDS = 600.0
UNREAD_SECONDS, UNREAD_RARELY_SECONDS = 5.0, 60.0


@dataclass(frozen=True)
class Unread:
    """A revision that this release, or its keys, cannot read, why, and when it is tried again (monotonic seconds)."""

    number: int
    told: str
    pause: float
    due: float


class SchemaNeverCameError(Exception):
    """The schema did not come in time; the message is a sentence."""


class Follower:
    """Looks, and materialises.

    Attributes:
        interval: seconds between looks.
        known_epoch: the highest epoch seen, in the database or on the volume.
    """

    def __init__(
        self,
        database: Database,
        sync: Sync,
        board: Board,
        heartbeats: Heartbeats,
        *,
        now: Now,
        clock: Callable[[], float],
    ) -> None:
        self.interval = CANDIDATE_LOOK_SECONDS
        self.known_epoch = 0
        self._database = database
        self._sync = sync
        self._volume = sync.volume
        self._board = board
        self._heartbeats = heartbeats
        self._now = now
        self._clock = clock
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._looking: list[asyncio.Future[Sight]] = []
        self._away_since: float | None = None
        self._schema_missing_since: float | None = None
        self._asked = Asked[Fetch]()
        self._puller = Puller(self.nudge, clock)
        self._unread: Unread | None = None

    def nudge(self, within: float = 0.0) -> None:
        """Look now, or at some moment within so many seconds."""
        if within > 0:
            asyncio.get_running_loop().call_later(random.uniform(0, within), self._wake.set)  # noqa: S311 - spreads load
        else:
            self._wake.set()

    async def turn_now(self) -> None:
        """Look now and follow; wait for the end of it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        await done

    async def next_sight(self) -> Sight:
        """Return what the next look that the database answers shows."""
        coming: asyncio.Future[Sight] = asyncio.get_running_loop().create_future()
        self._looking = [*(other for other in self._looking if not other.done()), coming]
        return await coming

    async def run(self) -> None:
        """Follow until cancelled."""
        failures = 0
        while True:
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            if waiting:  # somebody asks: what could not be read is tried at once
                self._unread = None
            self._heartbeats.beat("follow", within=TURN_SECONDS + self._database.session.limit)
            seconds = self.interval
            try:
                sight = await self._look()
                if sight.lease is not None and sight.lease.remaining > 0:
                    seconds = min(seconds, sight.lease.remaining)
                await self._follow(sight)
                if sight.barred and sight.head is None:
                    await self._fall_back()
                failures = 0
            except DatabaseAwayError as error:
                self._board.trouble("database", str(error))
                self._bear_with(error)
                await self._fall_back()
                failures += 1
                seconds = min(self.interval, delay(RETRY_SECONDS, failures, 0))
            settle(waiting)
            # Jitter upwards: a lease that runs out is then looked at just after.
            await woken(self._wake, 0.05 + seconds * random.uniform(1, 1.2))  # noqa: S311 - spreads load

    def _bear_with(self, error: DatabaseAwayError) -> None:
        """Wait for the schema, but not for ever: an operator has to see that nobody makes it."""
        now = self._clock()
        if not isinstance(error, SchemaMissingError):
            self._schema_missing_since = None
            return
        self._schema_missing_since = now if self._schema_missing_since is None else self._schema_missing_since
        if now - self._schema_missing_since > SCHEMA_SECONDS:
            raise SchemaNeverCameError(f"{error} It was waited for, for {SCHEMA_SECONDS:g} s.")

    async def _look(self) -> Sight:
        sight = await self._database.look()
        if not sight.barred:
            self._away_since = None
        session = self._database.session
        self._board.trouble("database", barred_text(sight.barred, session.place, session.setting))
        self._board.looked(sight.lease, sight.head, sight.server, sight.barred)
        self.known_epoch = max(self.known_epoch, sight.lease.epoch if sight.lease else 0)
        looking, self._looking = self._looking, []
        for coming in looking:
            if not coming.done():
                coming.set_result(sight)
        return sight

    async def _follow(self, sight: Sight) -> None:
        """Bring the desired revision to the volume; whatever is in the way is told and tried again."""
        current = self._volume.current()
        self._board.materialised(current)
        if current is not None:
            self.known_epoch = max(self.known_epoch, current.publisher.epoch)
        trouble, ahead = None, 0
        match plan_materialise(sight.head, current, self._volume.next_number() - 1):
            case Nothing() | UpToDate():
                self._puller.forget()
            case Behind() as behind:
                trouble = behind_text(behind, sight.barred)
                ahead = 0 if sight.barred else behind.held
            case Take(number):
                trouble = await self._take(number, sight.head.digest if sight.head else "")
        self._board.trouble("revision", trouble)
        self._board.clustered(ahead=ahead)

    async def _take(self, number: int, digest: str) -> str | None:
        """Materialise revision ``number``; the sentence why not, None where it is done or under way."""
        known = self._unread if self._unread is not None and self._unread.number == number else None
        if known is not None and self._clock() < known.due:
            return known.told
        stored = await self._database.revision(number)
        if isinstance(stored, str):
            return self._put_off(known, number, stored)
        if stored.manifest.digest != digest:
            return f"The row of revision {number} in the database names a digest that its manifest does not; it waits."
        match stored.content:
            case Pointer() as pointer:
                bundle = self._puller.content(stored.manifest, pointer)
            case payload:
                bundle = unpack(payload, stored.manifest)
                if isinstance(bundle, str):
                    return self._put_off(known, number, bundle)
        if not isinstance(bundle, Bundle):
            return bundle
        fault = await completed(lambda: self._volume.materialise(bundle, stored.manifest, stored.document))
        if fault is not None:
            return fault
        self._board.materialised(self._volume.current())
        await completed(self._volume.collect)
        return None

    def _put_off(self, known: "Unread | None", number: int, told: str) -> str:
        """Remember what cannot be read, so that a whole row is not asked for at every look; return the sentence."""
        pause = UNREAD_SECONDS if known is None else min(UNREAD_RARELY_SECONDS, 2 * known.pause)
        due = self._clock() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        self._unread = Unread(number, told, pause, due)
        return told

    async def _fall_back(self) -> None:
        """Fetch straight from the source where the database is away and the volume has nothing to serve."""
        now = self._clock()
        self._away_since = now if self._away_since is None else self._away_since
        current = self._volume.current()
        self._board.materialised(current)
        if current is not None or now - self._away_since < FALLBACK_SECONDS:
            return
        fetch = await self._asked.ask(self._sync.fetch, RETRY_SECONDS)
        if fetch is None:
            return
        began = stamp(self._now())
        turn = await completed(lambda: self._sync.apply(fetch))
        self._board.turned(turn, began, self._volume.current())
        if isinstance(fetch, Failed):
            await asyncio.sleep(RETRY_SECONDS)
