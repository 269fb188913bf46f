"""A loop of turns, one after another: by the clock, when nudged, and at once for callers who wait."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from routeiq_syncd.runtime.turns.pace import spread
from routeiq_syncd.runtime.turns.waiting import woken


@dataclass(eq=False)
class Turnstile(ABC):
    """Takes turns; a subclass says what a turn does."""

    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list, init=False)

    @abstractmethod
    async def turn(self, *, awaited: bool) -> float:
        """Take one turn and return the seconds until the next; ``awaited``: a caller waits for its end."""

    def nudge(self, within: float = 0.0) -> None:
        """Take a turn now, or at a random moment within ``within`` seconds."""
        if within > 0:
            asyncio.get_running_loop().call_later(spread(0, within), self._wake.set)
        else:
            self._wake.set()

    async def turn_now(self) -> None:
        """Take a turn that begins after this call, and wait for its end or for the end of the loop."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        await done

    async def run(self) -> None:
        """Take turns until cancelled."""
        waiting: list[asyncio.Future[None]] = []
        try:
            while True:
                self._wake.clear()
                waiting, self._waiting = self._waiting, []
                seconds = await self.turn(awaited=bool(waiting))
                _settle(waiting)
                await woken(self._wake, seconds)
        finally:
            _settle([*waiting, *self._waiting])


def _settle(waiting: list[asyncio.Future[None]]) -> None:
    """Let the callers go on, those who have not given up meanwhile."""
    for done in waiting:
        if not done.done():
            done.set_result(None)
