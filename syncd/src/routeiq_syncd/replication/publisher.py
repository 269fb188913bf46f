"""The holder's turn: fetch, decide, publish. The holder's own volume is written by its follower, as on any replica."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.session import REFUSALS, DatabaseAwayError
from routeiq_syncd.lease import Lost, Term, Timing, trusted
from routeiq_syncd.reconcile.memory import Memory
from routeiq_syncd.replication.follower import Follower
from routeiq_syncd.revision.decide import Refuse, Rules, Same
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.outcome import Turn, texts
from routeiq_syncd.revision.plan import Behind, Publish, plan_materialise, plan_publish
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.sources import Source
from routeiq_syncd.volume.volume import Volume


@dataclass
class Tenure:
    """A term, and what happens during it.

    Attributes:
        term: as renewed last.
        failed_over: whether the term began in another history of the database than the term before it.
        ahead: the highest number that a replica has had and the database has not (`revision.plan.plan_publish`).
        over: set when the database has refused the term, or the holder gives it up.
        aside: seconds that this replica leaves the lease to others afterwards; 0 unless it steps aside.
        chores: set when the holder's chores should not wait.
    """

    term: Term
    failed_over: bool = False
    ahead: int = 0
    aside: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    chores: asyncio.Event = field(default_factory=asyncio.Event)


class Publishing:
    """The turns of one tenure. A new tenure begins without memory: what was fetched before may be old.

    Args:
        clock: returns seconds of the clock that terms are trusted by.
        checkpoint: called with the name of each step of a publish.

    Attributes:
        location: where the source is, for people.
        current: returns what the volume's link `current` names.
    """

    def __init__(
        self,
        tenure: Tenure,
        *,
        source: Source,
        volume: Volume,
        database: Database,
        follower: Follower,
        timing: Timing,
        rules: Rules,
        log: Log,
        now: Now,
        clock: Callable[[], float],
        checkpoint: Callable[[str], None],
    ) -> None:
        self.location = source.location
        self.current = volume.current
        self._tenure = tenure
        self._source = source
        self._volume = volume
        self._database = database
        self._follower = follower
        self._timing = timing
        self._rules = rules
        self._log = log
        self._now = now
        self._clock = clock
        self._checkpoint = checkpoint
        self._memory = Memory()
        self._unread_since: float | None = None

    def forget(self) -> None:
        """Fetch unconditionally next time."""
        self._memory.known = None

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where its last answer is dealt with. Blocks."""
        self._checkpoint("before fetch")
        fetched = self._source.fetch(self._memory.known)
        self._checkpoint("after fetch")
        return fetched

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for."""
        if not isinstance(fetch, Failed):
            self._unread_since = None
        match fetch:
            case Unchanged():
                return self._memory.unchanged()
            case Failed(message):
                await self._step_aside(message)
                return Turn("failed", read=False, error=message)
            case Unacceptable(problems, token):
                return self._memory.refuse(problems, None, token, self._now())
            case Fetched():
                try:
                    return await self._take(fetch)
                except DatabaseAwayError as error:
                    # The revision may have been recorded: the next turn fetches again and looks.
                    return Turn("failed", error=f"Not published. {error}")
                except REFUSALS as error:
                    reason = f"Not published: the database does not take the revision ({type(error).__name__})."
                    hint = "Its encoding, best UTF8, may lack a character of a path or of the source's name."
                    return Turn("failed", error=f"{reason} {hint}")

    async def _step_aside(self, message: str) -> None:
        """Give the term up where the source could not be read for long, and other replicas may be able to read it."""
        now = self._clock()
        if self._unread_since is None:
            self._unread_since = now
        if now - self._unread_since < self._timing.blind:
            return
        with contextlib.suppress(DatabaseAwayError):  # a holder that cannot ask the database loses the lease anyway
            others = await self._database.others()
            if others:
                self._tenure.aside = others * self._timing.blind
                self._tenure.over.set()
                self._log.warning("stepping aside", seconds=round(now - self._unread_since), reason=message)

    async def _take(self, fetched: Fetched) -> Turn:
        head = (await self._database.look()).head
        floor = self._volume.next_number() - 1
        match plan_materialise(head, self._volume.current(), floor):
            case Behind(_, held):
                ahead = max(held, self._tenure.ahead)
            case _:
                ahead = self._tenure.ahead
        pointed = None
        if head is not None and head.digest == fetched.bundle.digest:
            pointed = await self._database.pointer(head.number)
        match plan_publish(fetched, head, self._rules, floor=floor, ahead=ahead, pointed=pointed):
            case Same(warnings):
                self._memory.accept(fetched.token)
                return Turn("unchanged", warnings=texts(warnings))
            case Refuse(digest, problems):
                return self._memory.refuse(problems, digest, fetched.token, self._now())
            case Publish() as plan:
                return await self._publish(fetched, plan)

    async def _publish(self, fetched: Fetched, plan: Publish) -> Turn:
        term = self._tenure.term
        if not trusted(term, self._clock()):
            return self._end(term)
        self._checkpoint("before publish")
        outcome = await self._database.publish(term, fetched, plan.floor, self._checkpoint, pointer=plan.pointer)
        if isinstance(outcome, Lost):
            return self._end(term)
        self._memory.accept(fetched.token)
        self._log.info("revision published", number=outcome.number, digest=outcome.digest, epoch=term.epoch)
        self._follower.nudge()
        return Turn("changed", warnings=texts(plan.warnings))

    def _end(self, term: Term) -> Turn:
        self._tenure.over.set()
        self._log.warning("not published, the term is over", epoch=term.epoch)
        return Turn("unchanged")
