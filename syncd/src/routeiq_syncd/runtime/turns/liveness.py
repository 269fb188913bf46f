"""Liveness: every loop reports by when it will report again, and `/livez` fails once a loop has not."""

import time
from dataclasses import dataclass, field

from routeiq_syncd.runtime.clocks import Clock


@dataclass(eq=False)
class Liveness:
    """Until when each loop has promised its next report. A loop may be late by ``grace`` seconds."""

    clock: Clock = time.monotonic
    grace: float = field(default=10.0, kw_only=True)
    _due: dict[str, float] = field(default_factory=dict, init=False)

    def report(self, loop: str, *, within: float) -> None:
        """Report that ``loop`` is alive, and will report again within ``within`` seconds."""
        self._due[loop] = self.clock() + within + self.grace

    def forget(self, *loops: str) -> None:
        """Expect no further report of ``loops``, which have ended."""
        for loop in loops:
            self._due.pop(loop, None)

    def late(self) -> tuple[str, ...]:
        """Return the names of the loops whose report is overdue, sorted."""
        now = self.clock()
        return tuple(sorted(loop for loop, due in self._due.items() if now > due))
