"""The two states of a syncd, candidate and holder, as two functions.

A candidate returns a tenure, and holding consumes it, so no flag says which state it is. The rules are in `lease`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.election.notifications import Notifications
from routeiq_syncd.lease import Lost, Term, Timing, Try, Wait, begin, consider, extend, trusted
from routeiq_syncd.replication.follower import CANDIDATE_LOOK_SECONDS, LOOK_SECONDS, Follower
from routeiq_syncd.replication.publisher import Tenure
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.pace import spread
from routeiq_syncd.runtime.turns.waiting import endless, woken
from routeiq_syncd.status.recorder import ClusterRecorder

PATIENCE_SECONDS = 30.0
RELEASE_SECONDS = 2.0


@dataclass(kw_only=True, eq=False)
class ElectionStates:
    """Runs the two states in turn.

    Attributes:
        interval: seconds between polls of the source; a candidate counts the polls that it skips.
        work: makes the loops that a holder runs beside its renewals.
    """

    database: Database
    follower: Follower
    notifications: Notifications
    recorder: ClusterRecorder
    liveness: Liveness
    holder_id: str
    timing: Timing
    interval: float
    clock: Clock
    work: Callable[[Tenure], list[Awaitable[None]]]

    async def run(self) -> None:
        """Be a candidate, then the holder, then a candidate again, until cancelled."""
        aside_until = self.clock()
        while True:
            async with asyncio.TaskGroup() as group:
                skipping = group.create_task(self._skip())
                tenure = await self._candidate(aside_until)
                skipping.cancel()
            await self._hold(tenure)
            aside_until = self.clock() + tenure.aside

    async def _candidate(self, aside_until: float) -> Tenure:
        """Wait for the lease and take it; before ``aside_until``, by ``clock``, only if nobody else wants it."""
        self.follower.interval = CANDIDATE_LOOK_SECONDS
        seen_guarded: int | None = None
        while True:
            self.liveness.report("election", within=PATIENCE_SECONDS + self.database.session.limit)
            sight = await self.follower.next_sight(PATIENCE_SECONDS)
            if sight is None or sight.barred:
                continue
            if sight.lease is not None and sight.lease.guarded:
                seen_guarded = sight.lease.epoch
            aside = self.clock() < aside_until
            match consider(sight.lease, seen_guarded, self.holder_id, aside=aside):
                case Wait():
                    continue
                case Try(deserted):
                    # Candidates try at different moments, so that few of them try in vain.
                    await asyncio.sleep(spread(0, 0.1))
                    term = await self._try(deserted)
                    if term is not None:
                        return Tenure(term, failed_over=sight.lease is not None and sight.lease.void)

    async def _try(self, deserted: int | None) -> Term | None:
        sent = self.clock()
        try:
            answer = await self.database.acquire(self.holder_id, deserted, self.follower.known_epoch)
        except DatabaseAwayError as error:
            self.recorder.trouble("database", str(error))
            return None
        return None if isinstance(answer, Lost) else begin(self.holder_id, answer, sent, self.timing)

    async def _hold(self, tenure: Tenure) -> None:
        """Do the holder's work until the term is lost or cannot be trusted, or the process stops; then release it."""
        term = tenure.term
        self.follower.interval = LOOK_SECONDS
        self.recorder.clustered(term=term)
        self.recorder.log.info("lease acquired", epoch=term.epoch, holder_id=term.holder_id)
        try:
            async with asyncio.TaskGroup() as group:
                loops = [*self.work(tenure), self._guard(tenure)]
                tasks = [group.create_task(endless(loop)) for loop in loops]
                await self._renew(tenure)
                for task in tasks:
                    task.cancel()
        finally:
            self.recorder.clustered(term=None)
            with contextlib.suppress(DatabaseAwayError, TimeoutError):  # the lease runs out by itself then
                async with asyncio.timeout(RELEASE_SECONDS):
                    await self.database.release(tenure.term)
                    await self.notifications.unguard()
            self.recorder.log.info("lease given up", epoch=term.epoch)
        self.recorder.retired()  # not at a stop, after which the status file keeps what was known last

    async def _renew(self, tenure: Tenure) -> None:
        """Renew until the database says no, or the trust window closes, or a publish was refused."""
        pause = self.timing.renew
        while True:
            left = tenure.term.trusted_until - self.clock()
            await woken(tenure.over, min(pause, left))
            self.liveness.report("election", within=self.timing.lease)
            sent = self.clock()
            if tenure.over.is_set() or not trusted(tenure.term, sent):
                return
            try:
                async with asyncio.timeout(tenure.term.trusted_until - sent):
                    answer = await self.database.renew(tenure.term)
            except (DatabaseAwayError, TimeoutError) as error:
                # The database may have renewed it all the same; asking again with the same epoch finds out.
                self.recorder.log.warning("lease not renewed", epoch=tenure.term.epoch, reason=str(error))
                pause = self.timing.renew / 5
                continue
            if isinstance(answer, Lost):
                self.recorder.log.warning("lease lost", epoch=tenure.term.epoch)
                return
            tenure.term = extend(tenure.term, answer, sent, self.timing)
            self.recorder.clustered(term=tenure.term)
            pause = self.timing.renew

    async def _guard(self, tenure: Tenure) -> None:
        """Keep the epoch guarded whenever there is a connection for it."""
        while True:
            guarded = await self.notifications.guard(tenure.term.epoch)
            await asyncio.sleep(self.timing.renew if guarded else 0.2)

    async def _skip(self) -> None:
        """Count the polls that are left to the holder."""
        while True:
            await asyncio.sleep(self.interval)
            self.recorder.clustered(skipped=self.recorder.snapshot.skipped + 1)
