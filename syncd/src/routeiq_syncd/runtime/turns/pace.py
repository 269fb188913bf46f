"""Pace: how long a loop waits, and by how much each replica of a fleet differs from the others."""

import random
from dataclasses import dataclass, field

from routeiq_syncd.runtime.clocks import Clock

BACKOFF_CAP_SECONDS = 15.0
JITTER = 0.1
RETRY_SECONDS, RARELY_SECONDS = 5.0, 60.0


def spread(low: float, high: float) -> float:
    """Return a number from ``low`` to ``high`` at random, so that the replicas of a fleet do not act all at once."""
    return random.uniform(low, high)  # noqa: S311 - spreads load, no secret


def delay(interval: float, failures: int, jitter: float) -> float:
    """Return the seconds until the next turn, doubled with each failure in a row.

    Args:
        interval: seconds between turns that succeed.
        failures: failures in a row. The delay grows up to `BACKOFF_CAP_SECONDS` or ``interval``, the longer of the two.
        jitter: from -1 to 1; the delay differs by up to this part of `JITTER`.
    """
    base = min(interval * 2.0 ** min(failures, 30), max(interval, BACKOFF_CAP_SECONDS))
    return base * (1 + JITTER * jitter)


@dataclass
class Retry:
    """When to try again what does not succeed: after 5 s, and twice as late each time, up to a minute."""

    clock: Clock
    _pause: float = field(default=0.0, init=False)
    _due: float = field(default=0.0, init=False)

    def due(self) -> bool:
        """Return whether it is time for an attempt; at first it is."""
        return self.clock() >= self._due

    def put_off(self) -> None:
        """Put the next attempt off, after one that did not succeed."""
        self._pause = min(RARELY_SECONDS, 2 * self._pause or RETRY_SECONDS)
        self._due = self.clock() + self._pause * spread(0.8, 1.2)
