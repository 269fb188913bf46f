"""The work of single mode: fetch, decide, materialise. `once` does it once; the poller repeats it."""

import asyncio
from dataclasses import dataclass, field, replace

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.history.entries import Entry
from routeiq_syncd.history.standing import FREE, Standing
from routeiq_syncd.reconcile.work import Work
from routeiq_syncd.revision.decide import Accept, Hold, Refuse, Same, decide
from routeiq_syncd.revision.fetched import Fetch, Fetched
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Turn, texts
from routeiq_syncd.runtime.turns.waiting import completed
from routeiq_syncd.volume.history import VolumeHistory


@dataclass(kw_only=True, eq=False)
class Reconciler(Work):
    """Brings the volume to what the source holds.

    Attributes:
        history: the volume's own history; None in leader election, whose history is in the database.
        writing: held while the volume is brought to another revision, by a turn or by a request.
    """

    history: VolumeHistory | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    # The revision on the volume when the memory was written. If `current` names another, the source is fetched anew.
    _held: Manifest | None = field(default=None, init=False)

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where its last answer is on the volume or refused. Blocks; changes nothing."""
        return self.ask(self.memory.known if self.volume.current() == self._held else None)

    async def take(self, fetched: Fetched) -> Turn:
        """Materialise a bundle in a thread; a cancellation takes effect once that is done."""
        async with self.writing:
            return await completed(lambda: self._take(fetched))

    def standing(self) -> Standing:
        """Return what stands between the source and the volume."""
        return FREE if self.history is None else self.history.standing(self.volume.current())

    def _told(self) -> Standing | None:
        """Return the standing for a turn to tell; in leader election the database's is told."""
        return None if self.history is None else self.standing()

    def _take(self, fetched: Fetched) -> Turn:
        current, standing = self.volume.current(), self.standing()
        match decide(fetched, current, self.volume.next_number(), self.now(), self.rules, standing=standing):
            case Same(warnings):
                self._lift(current, standing)
                self._accept(fetched.token, current)
                return Turn("unchanged", warnings=texts(warnings), standing=self._told())
            case Refuse(digest, problems):
                return self.refuse(problems, digest, fetched.token)
            case Hold(waiting, warnings):
                if self.history is not None and waiting != standing.waiting:
                    self.history.wait(waiting)
                self._held = current
                return self.memory.hold(fetched.token, texts(warnings), replace(standing, waiting=waiting))
            case Accept(manifest, warnings):
                error = self._materialise(fetched.bundle, manifest)
                if error is None:
                    self._accept(fetched.token, manifest)
                return Turn(
                    "failed" if error else "changed",
                    error=error,
                    warnings=texts(warnings),
                    removed=self.volume.collect(),
                    standing=self._told(),
                )

    def _materialise(self, bundle: Bundle, manifest: Manifest) -> str | None:
        """Materialise what the source holds, with its entry in the history; return why not, None where it is done."""
        if self.history is not None:
            place, at = manifest.source.location, manifest.created_at
            self.history.write(Entry(manifest.number, manifest.digest, "publish", None, "", "", at, place))
        error = self.volume.materialise(bundle, manifest)
        if self.history is not None and error is None:
            self.history.wait(None)
        return error

    def _lift(self, current: Manifest | None, standing: Standing) -> None:
        """Record that the source holds what the volume holds: nothing waits, and nothing is passed over any more."""
        if self.history is None or current is None:
            return
        entry = self.history.entry(current)
        if entry is not None and entry.passes_over is not None:
            self.history.lift(entry)
        if standing.waiting is not None:
            self.history.wait(None)

    def _accept(self, token: str, current: Manifest | None) -> None:
        self._held = current
        self.memory.accept(token)

    def refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None) -> Turn:
        """Refuse content; `current` stays."""
        self._held = self.volume.current()
        return super().refuse(problems, digest, token)
