"""Keeping the set of workers whole: replacing the dead, and those past their limits."""

import os
from dataclasses import dataclass
from pathlib import Path

from routeiq_gateway.parent.rollouts import Reloader
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
CALM_SECONDS = 60.0  # a death after this long is no crash loop
MEASURE_EVERY = 5.0
MEBIBYTE = 1 << 20


@dataclass
class Upkeep:
    """Decides when a worker is replaced. Deaths in a row wait longer and longer; times are monotonic seconds."""

    settings: Settings
    reloader: Reloader
    log: Log
    delay: float = 0.0
    last_death: float = float("-inf")
    measured: float = 0.0

    def died(self, now: float) -> None:
        """Note the death of a serving worker."""
        calm = now - self.last_death > CALM_SECONDS
        self.delay = 0.0 if calm else min(max(FIRST_DELAY, 2 * self.delay), LONGEST_DELAY)
        self.last_death = now

    def tick(self, now: float) -> None:
        """Bring up what is missing, then replace a worker past its limit: new first, one at a time."""
        fleet = self.reloader.fleet
        if self.reloader.speaker.state != "serving" or now < self.last_death + self.delay:
            return
        missing = self.settings.workers - len(fleet.serving)
        if missing > 0:
            for _ in range(missing - len(fleet.replacements())):
                self.reloader.replace(None, now=now)
            return
        self._measure(now)
        worn = next((child for child in fleet.serving if child.worn), None)
        if worn is not None and fleet.reloading() is None and not fleet.replacements():
            self.log.info("replacing a worker", worker=worn.pid, limit=worn.worn)
            self.reloader.replace(worn, now=now)

    def _measure(self, now: float) -> None:
        limit = self.settings.max_rss
        if limit is None or now - self.measured < MEASURE_EVERY:
            return
        self.measured = now
        for child in self.reloader.fleet.serving:
            if resident_mebibytes(child.pid) > limit:
                child.worn = "ROUTEIQ_WORKER_MAX_RSS_MB"


def resident_mebibytes(pid: int) -> float:
    """Return the resident size of a process in MiB, 0 for one that has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE
