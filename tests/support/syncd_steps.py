"""Run `routeiq-syncd once` again and again, each in a process of its own that dies between two steps of its write.

Usage: syncd_steps.py LOG, then one line a run on standard input: the step after which the run dies by SIGKILL; a step
that never comes, such as ``-``, kills nothing. Each run appends the steps it did to the file LOG; its exit code
(negative: the signal) is answered on standard output. The processes are forked, so that a start costs no import.
"""

import os
import signal
import sys
from pathlib import Path

from routeiq_syncd.__main__ import main


def run(log: Path, fatal: str) -> int:
    """Run the command; see the module."""

    def checkpoint(step: str) -> None:
        with log.open("a") as file:
            file.write(step + "\n")
        if step == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return main(["once"], checkpoint=checkpoint)


def serve(log: Path) -> None:
    """Answer each line with the exit code of its run."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = run(log, line.rstrip("\n"))
                sys.stdout.flush()
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
