"""Run `routeiq-syncd run` in a process whose wall clock is off. Usage: syncd_shifted.py SECONDS."""

import sys
from datetime import datetime, timedelta

from routeiq_syncd import __main__


def run(seconds: float) -> int:
    """Run the command; see the module."""

    def shifted() -> datetime:
        return datetime.now().astimezone() + timedelta(seconds=seconds)

    vars(__main__)["utc_now"] = shifted
    return __main__.main(["run"])


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1])))
