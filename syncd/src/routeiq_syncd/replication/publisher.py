"""The holder's turn: fetch, decide, publish. The volume is written by following, on the holder as anywhere."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.session import REFUSALS, DatabaseAwayError
from routeiq_syncd.lease import Lost, Term, Timing, trusted
from routeiq_syncd.reconcile.reconciler import Now, Turn, refusal, texts
from routeiq_syncd.replication.follower import Follower
from routeiq_syncd.revision.decide import Refuse, Rules, Same
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Behind, Publish, plan_materialise, plan_publish
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.sources.source import Source
from routeiq_syncd.volume.volume import Volume


@dataclass
class Tenure:
    """A term as it is lived.

    Attributes:
        term: as renewed last.
        failed_over: it began in another history of the database than the term before it.
        ahead: the highest number that a replica has had and the database has not: see `core.publish`.
        over: set when the database has refused it, or it was given up.
        aside: seconds for which others may try after it was given up; 0 where they have not to.
        chores: set when the holder's chores should not wait.
    """

    term: Term
    failed_over: bool = False
    ahead: int = 0
    aside: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    chores: asyncio.Event = field(default_factory=asyncio.Event)


class Publishing:
    """One tenure's turns. A new tenure begins without memory: what was fetched before may be old."""

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
        self._known: str | None = None
        self._refused: Turn | None = None
        self._unread_since: float | None = None

    def forget(self) -> None:
        """Fetch unconditionally next time."""
        self._known = None

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where what it said last is dealt with. Blocks."""
        self._checkpoint("before fetch")
        fetched = self._source.fetch(self._known)
        self._checkpoint("after fetch")
        return fetched

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for."""
        if not isinstance(fetch, Failed):
            self._unread_since = None
        match fetch:
            case Unchanged():
                return self._refused or Turn("unchanged")
            case Failed(message):
                await self._step_aside(message)
                return Turn("failed", read=False, error=message)
            case Unacceptable(problems, token):
                return self._refuse(problems, None, token)
            case Fetched():
                try:
                    return await self._take(fetch)
                except DatabaseAwayError as error:
                    # Perhaps recorded, perhaps not: the next turn fetches again and looks.
                    return Turn("failed", error=f"Not published. {error}")
                except REFUSALS as error:
                    told = f"Not published: the database does not take the revision ({type(error).__name__})."
                    hint = "Its encoding, best UTF8, may lack a character of a path or of the source's name."
                    return Turn("failed", error=f"{told} {hint}")

    def current(self) -> Manifest | None:
        """What the volume holds."""
        return self._volume.current()

    async def _step_aside(self, message: str) -> None:
        """Give the term up where the source could not be read for long, and others may be able to."""
        now = self._clock()
        if self._unread_since is None:
            self._unread_since = now
        if now - self._unread_since < self._timing.blind:
            return
        with contextlib.suppress(DatabaseAwayError):  # whoever cannot ask it loses the lease anyway
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
                self._remember(fetched.token)
                return Turn("unchanged", warnings=texts(warnings))
            case Refuse(digest, problems):
                return self._refuse(problems, digest, fetched.token)
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
        self._remember(fetched.token)
        self._log.info("revision published", number=outcome.number, digest=outcome.digest, epoch=term.epoch)
        self._follower.nudge()
        return Turn("changed", warnings=texts(plan.warnings))

    def _end(self, term: Term) -> Turn:
        self._tenure.over.set()
        self._log.warning("not published, the term is over", epoch=term.epoch)
        return Turn("unchanged")

    def _refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None) -> Turn:
        turn = refusal(problems, digest, self._refused, self._now())
        self._remember(token)
        self._refused = turn
        return turn

    def _remember(self, token: str | None) -> None:
        self._known = token
        self._refused = None
