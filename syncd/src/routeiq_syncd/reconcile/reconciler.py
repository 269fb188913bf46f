"""One turn of single mode: fetch, decide, materialise. `once` takes one; the poller repeats it.

Both halves block, and are kept apart: a fetch may be abandoned at any moment, a write may not.
"""

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.reconcile.memory import Memory
from routeiq_syncd.revision.decide import Accept, Refuse, Rules, Same, decide
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Turn, texts
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.waiting import completed
from routeiq_syncd.sources import Source
from routeiq_syncd.volume.volume import Volume


class Reconciler:
    """Brings one volume to what one source holds.

    Attributes:
        location: where the source is, for people.
        current: returns what the volume's link `current` names.
    """

    def __init__(self, source: Source, volume: Volume, rules: Rules, now: Now) -> None:
        self.location = source.location
        self.current = volume.current
        self._source = source
        self._volume = volume
        self._rules = rules
        self._now = now
        self._memory = Memory()
        self._held: str | None = None  # the digest that `current` must have for "unchanged" to be true

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where its last answer is dealt with. Blocks; changes nothing."""
        current = self._volume.current()
        lost = (current.digest if current else None) != self._held
        return self._source.fetch(None if lost else self._memory.known)

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out, in a thread, what the fetch calls for; a cancellation takes effect once that is done."""
        return await completed(lambda: self.carry_out(fetch))

    def carry_out(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for. Blocks; leaves `current` as it was, or complete and new."""
        match fetch:
            case Unchanged():
                return self._memory.unchanged()
            case Failed(message):
                return Turn("failed", read=False, error=message)
            case Unacceptable(problems, token):
                return self._refuse(problems, None, token, self._volume.current())
            case Fetched():
                return self._take(fetch)

    def _take(self, fetched: Fetched) -> Turn:
        current = self._volume.current()
        match decide(fetched, current, self._volume.next_number(), self._now(), self._rules):
            case Same(warnings):
                self._accept(fetched.token, current)
                return Turn("unchanged", warnings=texts(warnings))
            case Refuse(digest, problems):
                return self._refuse(problems, digest, fetched.token, current)
            case Accept(manifest, warnings):
                error = self._volume.materialise(fetched.bundle, manifest)
                removed = self._volume.collect()
                if error is not None:
                    return Turn("failed", error=error, warnings=texts(warnings), removed=removed)
                self._accept(fetched.token, manifest)
                return Turn("changed", warnings=texts(warnings), removed=removed)

    def _accept(self, token: str | None, current: Manifest | None) -> None:
        self._memory.accept(token)
        self._held = current.digest if current else None

    def _refuse(
        self, problems: tuple[Problem, ...], digest: str | None, token: str | None, current: Manifest | None
    ) -> Turn:
        self._held = current.digest if current else None
        return self._memory.refuse(problems, digest, token, self._now())
