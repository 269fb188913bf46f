"""The holder's turn: fetch, decide, publish. The holder's own volume is written by its follower, as on any replica."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.database.faults import DatabaseAwayError, RowRefusedError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import Overtaken, Stored
from routeiq_syncd.lease import Lost, Term, Timing, trusted
from routeiq_syncd.reconcile.work import Work
from routeiq_syncd.replication.reading import Read, opened_row
from routeiq_syncd.replication.rollback import anew
from routeiq_syncd.revision.decide import Hold, Refuse, Same
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched
from routeiq_syncd.revision.outcome import Turn, texts
from routeiq_syncd.revision.payload import Unreadable
from routeiq_syncd.revision.plan import Anew, Behind, Head, Publish, plan_materialise, plan_publish
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.status.ownership import Ownership


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
        requests: set when a request may wait for its answer.
        deciding: held from a look at what is desired until what follows is recorded, by a turn or by a request.
    """

    term: Term
    failed_over: bool = False
    ahead: int = 0
    aside: float = 0.0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    chores: asyncio.Event = field(default_factory=asyncio.Event)
    requests: asyncio.Event = field(default_factory=asyncio.Event)
    deciding: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(kw_only=True, eq=False)
class Publishing(Work):
    """The work of one tenure. A new tenure begins without memory: what was fetched before may be old.

    Attributes:
        ownership: says which revisions this replica takes; what it does not take is published anew from its source.
        published: called when a revision is recorded.
        checkpoint: called with the name of each step of a publish.
    """

    tenure: Tenure
    database: Database
    ownership: Ownership
    timing: Timing
    log: Log
    clock: Clock
    published: Callable[[], None]
    checkpoint: Callable[[str], None]
    _unread_since: float | None = field(default=None, init=False)

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where its last answer is published or refused. Blocks; changes nothing."""
        self.checkpoint("before fetch")
        fetched = super().fetch()
        self.checkpoint("after fetch")
        return fetched

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for."""
        if isinstance(fetch, Failed):
            await self._step_aside(fetch.message)
        else:
            self._unread_since = None
        try:
            return await super().apply(fetch)
        except RowRefusedError as error:
            hint = "The database's encoding, best UTF8, may lack a character of a path or of the source's name."
            return Turn("failed", error=f"Not published: the database does not take the revision. {error} {hint}")
        except DatabaseAwayError as error:
            # The revision may have been recorded: the next turn fetches again and looks.
            return Turn("failed", error=f"Not published. {error}")

    async def _step_aside(self, message: str) -> None:
        """Give the term up where the source could not be read for long, and other replicas may be able to read it."""
        now = self.clock()
        if self._unread_since is None:
            self._unread_since = now
        if now - self._unread_since < self.timing.blind:
            return
        with contextlib.suppress(DatabaseAwayError):  # a holder that cannot ask the database loses the lease anyway
            others = await self.database.others()
            if others:
                self.tenure.aside = others * self.timing.blind
                self.tenure.over.set()
                self.log.warning("stepping aside", seconds=round(now - self._unread_since), reason=message)

    async def take(self, fetched: Fetched) -> Turn:
        """Publish a bundle, unless it is published, refused or held back."""
        async with self.tenure.deciding:
            return await self._decide(fetched)

    async def _decide(self, fetched: Fetched) -> Turn:
        sight = await self.database.look()
        head, standing, term = sight.head, sight.standing, self.tenure.term
        floor = self.volume.next_number() - 1
        here, ahead = plan_materialise(head, self.volume.current(), floor), self.tenure.ahead
        if isinstance(here, Behind):
            ahead = max(here.held, ahead)
        pointed, lost, origins = None, None, None
        if head is not None and head.digest == fetched.bundle.digest:
            # What the fleet has on its volumes may still be closed to a replica that starts.
            opened = await opened_row(self.database, head, self.ownership)
            pointed = opened.content if isinstance(opened, Stored) and isinstance(opened.content, Pointer) else None
            lost = opened.reason if isinstance(opened, Unreadable) and opened.lost else None
            origins = opened.stored.manifest.origins if isinstance(opened, Read) else None
        plan = plan_publish(
            fetched,
            head,
            self.rules,
            floor=floor,
            ahead=ahead,
            now=self.now(),
            places=(pointed, origins),
            lost=bool(lost),
            standing=standing,
        )
        if standing.waiting is not None and not isinstance(plan, Hold):
            await self.database.wait(term, None)
        match plan:
            case Same(warnings):
                if standing.passed is not None and head is not None:
                    await self.database.lift(term, head.number)
                self.memory.accept(fetched.token)
                return Turn("unchanged", warnings=texts(warnings))
            case Refuse(digest, problems):
                return self.refuse(problems, digest, fetched.token)
            case Hold(waiting, warnings):
                if waiting != standing.waiting:
                    await self.database.wait(term, waiting)
                return self.memory.hold(fetched.token, texts(warnings), replace(standing, waiting=waiting))
            case Anew(above, warnings):
                return await self._anew(head, above, warnings)
            case Publish() as plan:
                return await self._publish(fetched, plan, lost)

    async def _publish(self, fetched: Fetched, plan: Publish, lost: str | None) -> Turn:
        term = self.tenure.term
        if not trusted(term, self.clock()):
            return self._end(term)
        self.checkpoint("before publish")
        note = f"The same content anew. {lost}" if lost else ""
        outcome = await self.database.publish(
            term, fetched, plan.floor, self.checkpoint, pointer=plan.pointer, note=note
        )
        if isinstance(outcome, Lost):
            return self._end(term)
        if isinstance(outcome, Overtaken):
            return Turn("unchanged")  # the version is not remembered, so the next turn decides anew
        self.memory.accept(fetched.token)
        if lost:
            self.log.warning("published anew what cannot be opened", number=outcome.number, reason=lost)
        self.log.info("revision published", number=outcome.number, digest=outcome.digest, epoch=term.epoch)
        self.published()
        return Turn("changed", warnings=texts(plan.warnings))

    async def _anew(self, head: Head | None, above: int, warnings: tuple[Problem, ...]) -> Turn:
        """Publish the desired revision's own content above ``above``, since the source's is held back."""
        term = self.tenure.term
        if head is None or not trusted(term, self.clock()):
            return self._end(term)
        outcome = await anew(self.database, term, head, above)
        if isinstance(outcome, Lost):
            return self._end(term)
        if outcome is not None:
            self.log.info("revision published anew", number=outcome, digest=head.digest, epoch=term.epoch)
            self.published()
        return Turn("changed", warnings=texts(warnings))

    def _end(self, term: Term) -> Turn:
        self.tenure.over.set()
        self.log.warning("not published, the term is over", epoch=term.epoch)
        return Turn("unchanged")
