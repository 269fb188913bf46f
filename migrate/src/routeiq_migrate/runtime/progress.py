"""How far a run is: a bar for a person at a terminal, a line a migration for everyone else."""

import os
import sys
import time
from dataclasses import dataclass, field

from routeiq_migrate.runtime.lazy_log import LazyLog

WIDTH = 30
COLUMNS = 80
"""How wide a terminal is taken to be that does not say."""


@dataclass
class Progress:
    """Counts what was applied; ``terminal`` draws a bar on standard error instead of logging each migration."""

    log: LazyLog
    terminal: bool
    pending: int = 0
    done: int = 0
    open: bool = False
    began: float = field(default_factory=time.perf_counter)

    def start(self, pending: int) -> None:
        """Say how many migrations are pending; again after a pause, when fewer are left."""
        self.pending = self.done + pending

    def applied(self, name: str, milliseconds: float) -> None:
        """Count one migration that was applied."""
        self.done += 1
        if not self.terminal:
            self.log.info("applied", migration=name, ms=round(milliseconds, 1))
            return
        filled = WIDTH * self.done // max(self.pending, 1)
        bar = "█" * filled + "░" * (WIDTH - filled)
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or COLUMNS
        # One cell less than the line has: a bar that wraps would fill the screen.
        text = f"{bar} {self.done}/{self.pending} {name}"[: columns - 1]
        # The cursor goes back to the start, so that a line of the log covers the bar instead of following it.
        self.open = self.done != self.pending
        sys.stderr.write(f"\r\033[K{text}{chr(13) if self.open else chr(10)}")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the bar of a run that ended early as it stands, and go on below it."""
        if self.open:
            self.open = False
            sys.stderr.write("\n")
            sys.stderr.flush()

    @property
    def milliseconds(self) -> float:
        """How long the run has taken so far."""
        return round((time.perf_counter() - self.began) * 1000, 1)
