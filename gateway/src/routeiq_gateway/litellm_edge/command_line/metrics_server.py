"""LiteLLM's server of metrics on a port of its own, run beside the workers.

The process reads the files in which workers keep their metrics, so a scrape takes no worker's time. It ends by itself
when its parent dies.
"""

import subprocess
import sys
from dataclasses import dataclass, field

MODULE = "litellm.proxy.prometheus_metrics_server"
PAUSE = 5.0
"""Seconds before a server that has ended is started again."""


@dataclass
class MetricsServer:
    """The process, and when it may be started again.

    Attributes:
        host, port: where it listens.
        directory: where workers keep their metrics.
        due: monotonic seconds.
    """

    host: str
    port: int
    directory: str
    due: float = 0.0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def keep(self, now: float) -> int | None:
        """Start the server where it does not run; return the exit code of one that has ended since the last call.

        Args:
            now: monotonic seconds.

        Raises:
            OSError: the system refuses a process.
        """
        ended = None
        if self.process is not None and (ended := self.process.poll()) is not None:
            self.process, self.due = None, now + PAUSE
        if self.process is None and now >= self.due:
            self.due = now + PAUSE
            place = ["--host", self.host, "--port", str(self.port), "--multiproc_dir", self.directory]
            self.process = subprocess.Popen([sys.executable, "-P", "-m", MODULE, *place])
        return ended

    def end(self) -> None:
        """End the server."""
        if self.process is not None:
            self.process.terminate()
