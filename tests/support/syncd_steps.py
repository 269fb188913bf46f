"""Run `routeiq-syncd` with something happening between two steps of a write.

Usage: syncd_steps.py LOG STEP COMMAND…: append each step's name to the file LOG and die by SIGKILL once STEP is done;
a STEP that never comes, such as ``-``, kills nothing.
"""

import os
import signal
import sys
from pathlib import Path

from routeiq_syncd.__main__ import main


def run(log: Path, fatal: str, arguments: list[str]) -> int:
    """Run the command; see the module."""

    def checkpoint(step: str) -> None:
        with log.open("a") as file:
            file.write(step + "\n")
        if step == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    return main(arguments, checkpoint=checkpoint)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
