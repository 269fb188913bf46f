"""Run `routeiq-syncd run` in a process that stops itself after a step of its work, once.

Usage: syncd_stops.py STEP TRIGGER. It stops (SIGSTOP) after STEP when the file TRIGGER exists, which it removes first.
"""

import os
import signal
import sys
from pathlib import Path

from routeiq_syncd.__main__ import main


def run(fatal: str, trigger: Path) -> int:
    """Run the command; see the module."""

    def checkpoint(step: str) -> None:
        if step == fatal and trigger.exists():
            trigger.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)

    return main(["run"], checkpoint=checkpoint)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2])))
