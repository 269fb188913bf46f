"""How far a run is: a bar for a person at a terminal, a line a migration for everyone else."""

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # structlog takes 0.1 s to import, as long as a run that finds nothing to do
    from routeiq_migrate.logs import Log


WIDTH = 30


@dataclass
class Progress:
    """Counts what was applied; ``terminal`` draws a bar on standard error instead of logging each migration."""

    log: "Log"
    terminal: bool
    pending: int = 0
    done: int = 0
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
        end = "\n" if self.done == self.pending else ""
        sys.stderr.write(f"\r\033[K{bar} {self.done}/{self.pending} {name[:60]}{end}")
        sys.stderr.flush()

    @property
    def milliseconds(self) -> float:
        """How long the run has taken so far."""
        return round((time.perf_counter() - self.began) * 1000, 1)
