"""Liveness: every loop reports by when it will report again, and `/livez` fails once a loop has not."""

import time
from collections.abc import Callable


class Liveness:
    """Until when each loop has promised its next report.

    Args:
        clock: returns monotonic seconds.
        grace: seconds that a loop may be late.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, grace: float = 10.0) -> None:
        self._clock = clock
        self._grace = grace
        self._due: dict[str, float] = {}

    def report(self, loop: str, *, within: float) -> None:
        """Report that ``loop`` is alive, and will report again within ``within`` seconds."""
        self._due[loop] = self._clock() + within + self._grace

    def forget(self, *loops: str) -> None:
        """Expect no further report of ``loops``, which have ended."""
        for loop in loops:
            self._due.pop(loop, None)

    def late(self) -> tuple[str, ...]:
        """Return the names of the loops whose report is overdue, sorted."""
        now = self._clock()
        return tuple(sorted(loop for loop, due in self._due.items() if now > due))
