"""The two states of a syncd, candidate and holder, as two functions.

A candidate returns a tenure, and holding consumes it, so no flag says which state it is. The rules are in `lease`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from routeiq_syncd.database.questions import Database, Sight
from routeiq_syncd.database.session import DatabaseAwayError
from routeiq_syncd.election.notifications import Notifications
from routeiq_syncd.lease import Grant, Lost, Term, Timing, Try, Wait, begin, consider, extend, trusted
from routeiq_syncd.replication.follower import CANDIDATE_LOOK_SECONDS, LOOK_SECONDS, Follower
from routeiq_syncd.replication.publisher import Tenure
from routeiq_syncd.runtime.liveness import Liveness
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.runtime.pace import spread
from routeiq_syncd.runtime.waiting import endless, woken
from routeiq_syncd.status.recorder import ClusterRecorder

PATIENCE_SECONDS = 30.0
RELEASE_SECONDS = 2.0
Work = Callable[[Tenure], list[Awaitable[None]]]


class ElectionStates:
    """Runs the two states in turn.

    Args:
        holder_id: the id that this process holds the lease under.
        interval: seconds between polls of the source; a candidate counts the polls that it skips.
        clock: returns seconds of a clock that nobody sets.
        work: makes the loops that a holder runs beside its renewals.
    """

    def __init__(
        self,
        database: Database,
        follower: Follower,
        notifications: Notifications,
        recorder: ClusterRecorder,
        *,
        liveness: Liveness,
        log: Log,
        holder_id: str,
        timing: Timing,
        interval: float,
        clock: Callable[[], float],
        work: Work,
    ) -> None:
        self._database = database
        self._follower = follower
        self._notifications = notifications
        self._recorder = recorder
        self._liveness = liveness
        self._log = log
        self._holder_id = holder_id
        self._timing = timing
        self._interval = interval
        self._clock = clock
        self._work = work

    async def run(self) -> None:
        """Be a candidate, be the holder, and again, until cancelled."""
        aside_until = self._clock()
        while True:
            async with asyncio.TaskGroup() as group:
                skipping = group.create_task(self._skip())
                tenure = await self._candidate(aside_until)
                skipping.cancel()
            await self._hold(tenure)
            aside_until = self._clock() + tenure.aside

    async def _candidate(self, aside_until: float) -> Tenure:
        """Wait for the lease and take it; until ``aside_until`` only if nobody else wants it."""
        self._follower.interval = CANDIDATE_LOOK_SECONDS
        seen_guarded: int | None = None
        while True:
            self._liveness.report("election", within=PATIENCE_SECONDS + self._database.session.limit)
            sight = await self._sight()
            if sight is None or sight.barred:
                continue
            if sight.lease is not None and sight.lease.guarded:
                seen_guarded = sight.lease.epoch
            aside = self._clock() < aside_until
            match consider(sight.lease, seen_guarded, self._holder_id, aside=aside):
                case Wait():
                    continue
                case Try(deserted):
                    # Candidates try at different moments, so that few of them try in vain.
                    await asyncio.sleep(spread(0, 0.1))
                    term = await self._try(deserted)
                    if term is not None:
                        return Tenure(term, failed_over=sight.lease is not None and sight.lease.void)

    async def _sight(self) -> Sight | None:
        """Return the next look, None where the database has not answered for a while."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._follower.next_sight()
        except TimeoutError:
            return None

    async def _try(self, deserted: int | None) -> Term | None:
        sent = self._clock()
        try:
            answer = await self._database.acquire(self._holder_id, deserted, self._follower.known_epoch)
        except DatabaseAwayError as error:
            self._recorder.trouble("database", str(error))
            return None
        match answer:
            case Lost():
                return None
            case Grant():
                return begin(self._holder_id, answer, sent, self._timing)

    async def _hold(self, tenure: Tenure) -> None:
        """Do the holder's work until the term is lost or cannot be trusted, or the process stops; then release it."""
        term = tenure.term
        self._follower.interval = LOOK_SECONDS
        self._recorder.clustered(term=term)
        self._log.info("lease acquired", epoch=term.epoch, holder_id=term.holder_id)
        try:
            async with asyncio.TaskGroup() as group:
                loops = [*self._work(tenure), self._guard(tenure)]
                tasks = [group.create_task(endless(loop)) for loop in loops]
                await self._renew(tenure)
                for task in tasks:
                    task.cancel()
        finally:
            self._recorder.clustered(term=None)
            with contextlib.suppress(DatabaseAwayError, TimeoutError):  # the lease runs out by itself then
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self._database.release(tenure.term)
                    await self._notifications.unguard()
            self._log.info("lease given up", epoch=term.epoch)
        self._recorder.retired()  # not at a stop, after which the status file keeps what was known last

    async def _renew(self, tenure: Tenure) -> None:
        """Renew until the database says no, or the trust window closes, or a publish was refused."""
        pause = self._timing.renew
        while True:
            left = tenure.term.trusted_until - self._clock()
            await woken(tenure.over, min(pause, left))
            self._liveness.report("election", within=self._timing.lease)
            sent = self._clock()
            if tenure.over.is_set() or not trusted(tenure.term, sent):
                return
            try:
                async with asyncio.timeout(tenure.term.trusted_until - sent):
                    answer = await self._database.renew(tenure.term)
            except (DatabaseAwayError, TimeoutError) as error:
                # The database may have renewed it all the same; asking again with the same epoch finds out.
                self._log.warning("lease not renewed", epoch=tenure.term.epoch, reason=str(error))
                pause = self._timing.renew / 5
                continue
            if isinstance(answer, Lost):
                self._log.warning("lease lost", epoch=tenure.term.epoch)
                return
            tenure.term = extend(tenure.term, answer, sent, self._timing)
            self._recorder.clustered(term=tenure.term)
            pause = self._timing.renew

    async def _guard(self, tenure: Tenure) -> None:
        """Keep the epoch guarded whenever there is a connection for it."""
        while True:
            guarded = await self._notifications.guard(tenure.term.epoch)
            await asyncio.sleep(self._timing.renew if guarded else 0.2)

    async def _skip(self) -> None:
        """Count the polls that are left to the holder."""
        while True:
            await asyncio.sleep(self._interval)
            self._recorder.clustered(skipped=self._recorder.snapshot.skipped + 1)
