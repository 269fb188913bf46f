"""Many syncds in one process: ``python -m bench.fleet_worker FIRST COUNT FOLDER`` with syncd's settings.

Each is what ``routeiq-syncd run`` puts together in leader election, on a volume of its own in FOLDER, but for the HTTP
server. What they log goes to stderr as JSON, with ``core``. A line ``stop N`` on stdin ends core N cleanly.
"""

import asyncio
import os
import sys
from pathlib import Path

from routeiq_syncd.assembly.leader_election import LeaderElection
from routeiq_syncd.assembly.parts import opened
from routeiq_syncd.runtime.clocks import utc_now
from routeiq_syncd.runtime.logs import Log, build_log
from routeiq_syncd.runtime.turns.waiting import endless
from routeiq_syncd.settings import read_settings
from routeiq_syncd.volume.volume import no_checkpoint


async def core(folder: Path, number: int, shared_log: Log) -> None:
    """Run core ``number`` until cancelled."""
    os.environ["ROUTEIQ_VOLUME"] = str(folder / str(number))
    settings, log, host = read_settings(), shared_log.bind(core=number), f"core{number}"
    assert settings.election is not None
    with opened(settings, log, no_checkpoint, utc_now, host=host) as parts:
        election = LeaderElection(parts, settings.election)
        async with asyncio.TaskGroup() as group:
            for loop in [*parts.common_loops(election.recorder), *election.loops()]:
                group.create_task(endless(loop))


async def serve(folder: Path, first: int, count: int) -> None:
    """Run cores ``first`` to ``first + count - 1``, and stop those that stdin names."""
    running = asyncio.get_running_loop()
    log = build_log("fleet", level="INFO", form="json")

    def command() -> None:
        word, _, number = os.read(0, 4096).decode().strip().partition(" ")
        if word == "stop":
            tasks[int(number)].cancel()
        else:
            running.remove_reader(0)

    async with asyncio.TaskGroup() as group:
        tasks = {number: group.create_task(core(folder, number, log)) for number in range(first, first + count)}
        running.add_reader(0, command)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[3]), int(sys.argv[1]), int(sys.argv[2])))
