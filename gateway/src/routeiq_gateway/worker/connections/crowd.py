"""The connections of one worker that wait for a request, and which of them gives way where there are too many.

Any number of clients may connect and say nothing. Beyond the bound a new connection takes the place of one that waits:
first of one that never sent a request, the oldest first, then of the one that has been idle longest. A connection with
a request under way, or with something unread or unsent on it, stays.
"""

import resource
from typing import Protocol

MOST = 8 * 1024
"""Connections that a worker holds before idle ones give way; fewer where it may open fewer files."""
LOOKS = 32
"""Connections that are looked at to find one that can give way; so a crowd costs each newcomer little."""


class Waiting(Protocol):
    """A connection, as far as it matters here."""

    def give_way(self) -> bool:
        """Close at once, unless something waits unread or unsent; return whether it is closed."""


class Crowd:
    """The connections of one worker that wait for a request, in the order in which they began to.

    Attributes:
        most: how many connections are held before those that wait give way.
    """

    def __init__(self, most: int | None = None) -> None:
        # The other half is for connections to providers, and for what a request opens.
        self.most = min(MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2) if most is None else most
        self._unused: dict[Waiting, None] = {}
        self._used: dict[Waiting, None] = {}

    def wait(self, connection: Waiting, *, used: bool) -> None:
        """Take ``connection``, which begins to wait; ``used``: a request on it has been answered."""
        (self._used if used else self._unused)[connection] = None

    def leave(self, connection: Waiting) -> None:
        """Leave out ``connection``, which has a request or is closed."""
        self._unused.pop(connection, None)
        self._used.pop(connection, None)

    def give_way(self) -> bool:
        """Close the connection that has waited longest and can be closed; return whether there was one."""
        for waiting in (self._unused, self._used):
            for connection in [each for each, _ in zip(waiting, range(LOOKS), strict=False)]:
                if connection.give_way():
                    self.leave(connection)
                    return True
        return False
