"""One turn: fetch, decide, materialise. `once` takes one; `loops.Poller` repeats it.

The two halves block and are kept apart: a fetch may be abandoned at any moment, a write may not. Later deciders put
themselves between them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from routeiq_syncd.configuration.problem import Problem, reason_of
from routeiq_syncd.revision.answer import Refused
from routeiq_syncd.revision.decide import Accept, Refuse, Rules, Same, decide
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.sources.source import Source
from routeiq_syncd.status.document import Outcome
from routeiq_syncd.volume.volume import Volume

Now = Callable[[], datetime]


@dataclass(frozen=True)
class Turn:
    """How a turn ended.

    Attributes:
        outcome: as the status tells it.
        read: whether the source could be read.
        problems: why the content was refused.
        refused: the same for the status.
        warnings: about the content; None where it was not looked at.
        error: why the source could not be read, or the volume not written.
        removed: revisions that were collected.
    """

    outcome: Outcome
    read: bool = True
    problems: tuple[Problem, ...] = ()
    refused: Refused | None = None
    warnings: tuple[str, ...] | None = None
    error: str | None = None
    removed: tuple[str, ...] = ()


class Sync:
    """Takes turns between one source and one volume, remembering which version it has dealt with."""

    def __init__(self, source: Source, volume: Volume, rules: Rules, now: Now) -> None:
        self.source = source
        self.volume = volume
        self._rules = rules
        self._now = now
        # The version that was materialised or refused, and the digest that `current` must have for "unchanged" to
        # be true. A version that could not be written is never remembered, so that the next fetch brings it again.
        self._known: str | None = None
        self._held: str | None = None
        self._refused: Turn | None = None

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where what it said last is dealt with. Blocks; changes nothing."""
        current = self.volume.current()
        lost = (current.digest if current else None) != self._held
        return self.source.fetch(None if lost else self._known)

    def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for. Blocks; leaves `current` as it was or complete and new."""
        match fetch:
            case Unchanged():
                # What was refused stays refused for as long as the source holds it.
                return self._refused or Turn("unchanged")
            case Failed(message):
                return Turn("failed", read=False, error=message)
            case Unacceptable(problems, token):
                return self._refuse(problems, None, token)
            case Fetched():
                return self._take(fetch)

    def _take(self, fetched: Fetched) -> Turn:
        current = self.volume.current()
        match decide(fetched, current, self.volume.next_number(), self._now(), self._rules):
            case Same(warnings):
                self._remember(fetched.token, current)
                return Turn("unchanged", warnings=texts(warnings))
            case Refuse(digest, problems):
                return self._refuse(problems, digest, fetched.token)
            case Accept(manifest, warnings):
                error = self.volume.materialise(fetched.bundle, manifest)
                if error is not None:
                    removed = self.volume.collect()
                    return Turn("failed", error=error, warnings=texts(warnings), removed=removed)
                self._remember(fetched.token, manifest)
                return Turn("changed", warnings=texts(warnings), removed=self.volume.collect())

    def _refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None) -> Turn:
        turn = refusal(problems, digest, self._refused, self._now())
        self._remember(token, self.volume.current())
        self._refused = turn
        return self._refused

    def _remember(self, token: str | None, current: Manifest | None) -> None:
        self._known = token
        self._held = current.digest if current else None
        self._refused = None


def refusal(problems: tuple[Problem, ...], digest: str | None, before: Turn | None, now: datetime) -> Turn:
    """Return the turn that refuses; what was refused ``before`` for the same reason keeps its first instant."""
    refused = Refused(None, digest, reason_of(problems), stamp(now))
    if before is not None and before.refused is not None:
        earlier = before.refused
        if (earlier.digest, earlier.reason) == (refused.digest, refused.reason):
            refused = earlier
    return Turn("refused", problems=problems, refused=refused)


def texts(problems: tuple[Problem, ...]) -> tuple[str, ...]:
    """Write warnings for the status, of which a few suffice."""
    return tuple(problem.text() for problem in problems[:20])
