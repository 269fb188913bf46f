"""Run `routeiq-syncd run` in a process whose wall clock is off. Usage: syncd_shifted.py SECONDS."""

import sys
from datetime import datetime, timedelta

from routeiq_syncd.__main__ import main


def run(seconds: float) -> int:
    """Run the command; see the module."""

    def shifted() -> datetime:
        return datetime.now().astimezone() + timedelta(seconds=seconds)

    return main(["run"], now=shifted)


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1])))
