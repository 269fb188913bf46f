"""Many syncds in one process: ``python -m bench.fleet_worker FIRST COUNT FOLDER CONFIG`` with ``DATABASE_URL``.

Each is what ``routeiq-syncd run`` composes in leader election, on a volume of its own in FOLDER, but for the HTTP
server. What they log goes to stderr as JSON, with ``core``. A line ``stop N`` on stdin ends core N cleanly.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from routeiq_syncd.assembly.leader_election import Cluster
from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.lease import Timing
from routeiq_syncd.reconcile.poller import Heartbeats, read_answers, utc_now, write_status
from routeiq_syncd.reconcile.reconciler import Sync
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.manifest import Publisher
from routeiq_syncd.runtime.logs import Log, build_log
from routeiq_syncd.settings import ElectionSettings
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.status.document import Cluster as Names
from routeiq_syncd.status.document import Snapshot
from routeiq_syncd.status.recorder import Board
from routeiq_syncd.volume.volume import no_checkpoint, open_volume

INTERVAL_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """What the cores of this process share."""

    folder: Path
    config: Path
    election: ElectionSettings
    log: Log


def loops(place: Place, number: int) -> list[Awaitable[None]]:
    """Compose core ``number``."""
    log = place.log.bind(core=number)
    volume = open_volume(place.folder / str(number))
    volume.recover()
    bounds, holder = Bounds(), f"core{number}-{secrets.token_hex(4)}"
    rules = Rules(bounds, frozenset(os.environ), Publisher(holder))
    sync = Sync(FileSource(place.config, bounds), volume, rules, utc_now)
    names = Names(volume.identity(f"core{number}"), place.election.lock_name)
    snapshot = Snapshot(
        holder_id=holder,
        source_kind=sync.source.kind,
        source_location=sync.source.location,
        desired=volume.current(),
        cluster=names,
    )
    board, heartbeats = Board(snapshot, log, utc_now), Heartbeats()
    cluster = Cluster(
        settings=place.election,
        sync=sync,
        rules=rules,
        board=board,
        heartbeats=heartbeats,
        log=log,
        now=utc_now,
        interval=INTERVAL_SECONDS,
        checkpoint=no_checkpoint,
        replica_id=names.replica_id,
        pod=f"core{number}",
    )
    return [*cluster.loops(), read_answers(volume, board, heartbeats), write_status(volume, board, heartbeats, log)]


async def core(place: Place, number: int) -> None:
    """Run one core until cancelled."""
    async with asyncio.TaskGroup() as group:
        for loop in loops(place, number):
            group.create_task(endless(loop))


async def endless(loop: Awaitable[None]) -> None:
    """Run a loop that must not end."""
    await loop
    raise RuntimeError("a loop ended that must not end")


async def serve(place: Place, first: int, count: int) -> None:
    """Run cores ``first`` to ``first + count - 1``, and stop those that stdin names."""
    running = asyncio.get_running_loop()

    def command() -> None:
        word, _, number = os.read(0, 4096).decode().strip().partition(" ")
        if word == "stop":
            tasks[int(number)].cancel()
        else:
            running.remove_reader(0)

    async with asyncio.TaskGroup() as group:
        tasks = {number: group.create_task(core(place, number)) for number in range(first, first + count)}
        running.add_reader(0, command)


def main() -> None:
    """Run what the command line asks for."""
    first, count, folder, config = sys.argv[1:]
    election = ElectionSettings("DATABASE_URL", parse_url(os.environ["DATABASE_URL"]), "bench", Timing())
    log = build_log("fleet", level="INFO", form="json")
    asyncio.run(serve(Place(Path(folder), Path(config), election, log), int(first), int(count)))


if __name__ == "__main__":
    main()
