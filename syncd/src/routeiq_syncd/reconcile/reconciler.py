"""The work of single mode: fetch, decide, materialise. `once` does it once; the poller repeats it."""

from dataclasses import dataclass, field

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.reconcile.work import Work
from routeiq_syncd.revision.decide import Accept, Refuse, Same, decide
from routeiq_syncd.revision.fetched import Fetch, Fetched
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Turn, texts
from routeiq_syncd.runtime.turns.waiting import completed


@dataclass(kw_only=True, eq=False)
class Reconciler(Work):
    """Brings the volume to what the source holds."""

    # The revision on the volume when the memory was written. If `current` names another, the source is fetched anew.
    _held: Manifest | None = field(default=None, init=False)

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where its last answer is on the volume or refused. Blocks; changes nothing."""
        return self.ask(self.memory.known if self.volume.current() == self._held else None)

    async def take(self, fetched: Fetched) -> Turn:
        """Materialise a bundle in a thread; a cancellation takes effect once that is done."""
        return await completed(lambda: self._take(fetched))

    def _take(self, fetched: Fetched) -> Turn:
        current = self.volume.current()
        match decide(fetched, current, self.volume.next_number(), self.now(), self.rules):
            case Same(warnings):
                self._accept(fetched.token, current)
                return Turn("unchanged", warnings=texts(warnings))
            case Refuse(digest, problems):
                return self.refuse(problems, digest, fetched.token)
            case Accept(manifest, warnings):
                error = self.volume.materialise(fetched.bundle, manifest)
                if error is None:
                    self._accept(fetched.token, manifest)
                removed, shown = self.volume.collect(), texts(warnings)
                return Turn("failed" if error else "changed", error=error, warnings=shown, removed=removed)

    def _accept(self, token: str, current: Manifest | None) -> None:
        self._held = current
        self.memory.accept(token)

    def refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None) -> Turn:
        """Refuse content; `current` stays."""
        self._held = self.volume.current()
        return super().refuse(problems, digest, token)
