"""The two halves of a turn, fetch and apply, as far as single mode and a holder share them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.reconcile.memory import Memory
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged, Unsettled
from routeiq_syncd.revision.outcome import Turn
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.sources.source import Source
from routeiq_syncd.volume.volume import Volume, unusable


@dataclass(kw_only=True, eq=False)
class Work(ABC):
    """Work on one source and one volume; a subclass says what becomes of a bundle.

    Fetching blocks, and may be abandoned at any moment. Applying may not be abandoned.
    """

    source: Source
    volume: Volume
    rules: Rules
    now: Now
    memory: Memory = field(default_factory=Memory, init=False)

    def fetch(self) -> Fetch:
        """Ask the source, conditionally where its last answer is dealt with. Blocks; changes nothing."""
        return self.ask(self.memory.known)

    def ask(self, known: str | None) -> Fetch:
        """Ask the source unless it still holds ``known``; whatever goes wrong in reading it is a failed fetch."""
        try:
            return self.source.fetch(known)
        except Exception as error:  # noqa: BLE001 - a source reads what others made, and its faults end nothing else
            return Failed(f"Reading {self.source.location} failed ({type(error).__name__}); it is tried again.")

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for."""
        try:
            return await self._carry_out(fetch)
        except OSError as error:
            return Turn("failed", error=unusable(self.volume.root, error))

    async def _carry_out(self, fetch: Fetch) -> Turn:
        match fetch:
            case Unchanged():
                return self.memory.repeated or Turn("unchanged")
            case Unsettled(message):
                return self.memory.repeated or Turn("failed", error=message)
            case Failed(message):
                return Turn("failed", read=False, error=message)
            case Unacceptable(problems, token):
                return self.refuse(problems, None, token)
            case Fetched():
                return await self.take(fetch)

    def refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None) -> Turn:
        """Refuse content; see `Memory.refuse`."""
        return self.memory.refuse(problems, digest, token, self.now())

    @abstractmethod
    async def take(self, fetched: Fetched) -> Turn:
        """Decide what becomes of a bundle, and do that."""
