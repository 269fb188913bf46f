"""The two clocks: the wall clock, for what people read, and a clock that nobody sets, for deadlines."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]  # the wall clock
Clock = Callable[[], float]  # seconds that only grow
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first runs while the machine sleeps, too


def utc_now() -> datetime:
    """Return the instant now, aware, by the wall clock."""
    return datetime.now(UTC)  # noqa: TID251 - the clock


def steady() -> float:
    """Return the seconds since some fixed instant in the past, by the clock that nobody sets."""
    return time.clock_gettime(STEADY)
