"""Following: every replica, the holder too, brings the desired revision to its own volume.

A look reads the lease and the desired revision together, and a candidate decides by the same look. Looks come by the
clock, when a notification arrives, and for callers who wait.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from routeiq_syncd.database.faults import DatabaseAwayError, SchemaMissingError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import Sight
from routeiq_syncd.reconcile.reconciler import Reconciler
from routeiq_syncd.replication.pointed import PointedFetcher
from routeiq_syncd.replication.reading import Read, RevisionReader
from routeiq_syncd.replication.reserve import Reserve
from routeiq_syncd.revision.answer import Answer
from routeiq_syncd.revision.fetched import Failed, Fetch
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Behind, Head, Nothing, Take, UpToDate, plan_materialise
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import delay, spread
from routeiq_syncd.runtime.turns.turnstile import Turnstile
from routeiq_syncd.runtime.turns.waiting import Asked, NoThreadError, completed
from routeiq_syncd.status.explain import barred_text, behind_text
from routeiq_syncd.status.ownership import Ownership
from routeiq_syncd.status.recorder import ClusterRecorder
from routeiq_syncd.volume.fleet_mark import FleetMark, read_mark, write_mark
from routeiq_syncd.volume.volume import CURRENT, unusable

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
        ownership: says which revisions this replica takes.
        interval: seconds between looks.
        known_epoch: the highest epoch seen, in the database or on the volume.
        emulator: where pointers to Google Cloud Storage are asked, None for Google's own endpoint.
    """

    database: Database
    reconciler: Reconciler
    recorder: ClusterRecorder
    liveness: Liveness
    clock: Clock
    ownership: Ownership
    interval: float = CANDIDATE_LOOK_SECONDS
    known_epoch: int = 0
    emulator: str | None = None

    def __post_init__(self) -> None:
        self._volume = self.reconciler.volume
        self._failures = 0
        self._looking: asyncio.Future[Sight] | None = None  # of the one candidate
        self._away_since: float | None = None
        self._schema_missing_since: float | None = None
        self._asked = Asked[Fetch]()
        self._reader = self._new_reader()
        self._reserve = Reserve(self.database, self._volume, self._new_reader())

    def _new_reader(self) -> RevisionReader:
        fetcher = PointedFetcher(self._volume.shelf, self.nudge, self.clock, emulator=self.emulator)
        return RevisionReader(self.database, fetcher, self.ownership, self.clock)

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
            self._reader.forget()
            self._reserve.reader.forget()
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
        trouble, ahead, wanted = None, 0, plan_materialise(sight.head, current, self._volume.next_number() - 1)
        self.recorder.clustered(acked=sight.acked, identity=sight.identity, standing=sight.standing)
        self._mark(sight)
        reserve = await self._reserve.keep(sight.acked)
        match wanted:
            case Nothing() | UpToDate():
                self._reader.pointed.forget()
            case Behind() as behind:
                strange = self.recorder.snapshot.strangers is not None
                trouble = behind_text(behind, sight.barred, strange=strange)
                ahead = 0 if sight.barred else behind.held
            case Take(revision):
                trouble = await self._take(revision)
                if trouble is not None and reserve is not None:
                    trouble = self._make_do(trouble, reserve, current)
        self.recorder.trouble("revision", trouble)
        self.recorder.clustered(ahead=ahead)

    def _mark(self, sight: Sight) -> None:
        """Record whose the volume is: this fleet's, where it was nobody's before, or holds what this fleet desires."""
        if not sight.identity:
            return
        own, found = FleetMark(self.database.lock_name, sight.identity), read_mark(self._volume.root)
        held, desired = self._volume.current(), sight.head
        settled = held and desired and (held.number, held.digest) == (desired.number, desired.digest)
        if found is None or (found != own and settled):
            found = own
            with contextlib.suppress(OSError):  # the next look tries again
                write_mark(self._volume.root, own)
        self.recorder.clustered(strangers=None if found == own else found)

    def _make_do(self, trouble: str, reserve: Manifest, current: Manifest | None) -> str:
        """Have `current` name the reserve where the desired revision cannot be had; return what is in the way."""
        if current is not None and current.number >= reserve.number:
            return trouble
        serving = self._volume.answer() or Answer()
        if serving.serving is None or serving.serving.number < reserve.number:
            fault = self._volume.point(CURRENT, reserve)
            self._current()
            if fault is not None:
                return fault
        return (
            f"{trouble} Until then: revision {reserve.number}, the newest that the fleet acked and this replica opens."
        )

    def _current(self) -> Manifest | None:
        """Return what the volume holds, and record it."""
        current = self._volume.current()
        self.recorder.materialised(current)
        return current

    async def _take(self, revision: Head) -> str | None:
        """Materialise a revision; return the sentence why not, None where it is done or under way."""
        laid = self._volume.tree(revision.number, revision.digest)
        if laid is not None and self._reader.ownership.refusal(laid) is None:
            fault = self._volume.point(CURRENT, laid)
        else:
            read = await self._reader.read(revision)
            if not isinstance(read, Read):
                return read
            laid, written = read.stored.manifest, read.stored.written
            fault = await completed(lambda: self._volume.materialise(read.bundle, laid, written))
        if fault is not None:
            return fault
        self.recorder.materialised(laid)
        await completed(self._volume.collect)
        return None

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
