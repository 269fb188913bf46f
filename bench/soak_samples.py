"""What whole replicas hold of the machine at one moment."""

import contextlib
import time
from dataclasses import dataclass, fields
from pathlib import Path

import psutil

from bench.flat import Measure
from tests.support.supervised.replicas import Replicas

MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """What there is: of all replicas, unless it is said of the elder, whose programs are never ended."""

    at: float
    memory: float
    parent: float
    syncd: float
    supervisord: float
    descriptors: int
    elder_descriptors: int
    sockets: int
    processes: int
    threads: int
    engines: int
    backends: int
    temporary_files: int
    volume_files: int


NAMES = {
    "memory": ("memory of all replicas, PSS, MiB", 30.0),
    "parent": ("memory of the elder's parent, USS, MiB", 8.0),
    "syncd": ("memory of the elder's syncd, USS, MiB", 8.0),
    "supervisord": ("memory of the elder's supervisord, USS, MiB", 4.0),
    "descriptors": ("descriptors", 6.0),
    "elder_descriptors": ("descriptors of the elder's three programs", 2.0),
    "sockets": ("sockets", 6.0),
    "processes": ("processes", 0.0),
    "threads": ("threads", 6.0),
    "engines": ("query engines", 0.0),
    "backends": ("backends of PostgreSQL", 3.0),
    "temporary_files": ("temporary files", 3.0),
    "volume_files": ("files on the volumes", 6.0),
}
"""What each measure is called, and its slack."""


def sample(replicas: Replicas, elder: int, began: float) -> Sample:
    """Measure now; ``began`` is the monotonic instant of the beginning. What has just ended counts nothing."""
    members = [process for index in replicas.processes for process in replicas.members(index)]
    memory = descriptors = sockets = threads = engines = 0
    for process in members:
        with contextlib.suppress(psutil.NoSuchProcess):
            memory += process.memory_full_info().pss
            descriptors += process.num_fds()
            sockets += len(process.net_connections("all"))
            threads += process.num_threads()
            engines += process.name().startswith("query-engine")
    own = [psutil.Process(replicas.processes[elder].pid)]
    own += [one for name in ("syncd", "gateway") if (one := replicas.program(elder, name))]
    uss = [process.memory_full_info().uss / MIB for process in own]
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{replicas.database}' AND pid <> pg_backend_pid()"  # noqa: S608 - ours
    return Sample(
        at=time.monotonic() - began,
        memory=memory / MIB,
        supervisord=uss[0],
        syncd=uss[1],
        parent=uss[2],
        descriptors=descriptors,
        elder_descriptors=sum(process.num_fds() for process in own),
        sockets=sockets,
        processes=len(members),
        threads=threads,
        engines=engines,
        backends=int(replicas.sql(query)[0]),
        temporary_files=sum(_files(syncd.directory / "tmp") for syncd in replicas.syncds),
        volume_files=sum(_files(syncd.volume) for syncd in replicas.syncds),
    )


def measures(samples: list[Sample]) -> list[Measure]:
    """Turn samples into one measure for each thing measured."""
    named = [each.name for each in fields(Sample) if each.name in NAMES]
    return [Measure(*NAMES[name], [getattr(one, name) for one in samples]) for name in named]


def _files(folder: Path) -> int:
    return sum(not path.is_dir() for path in folder.rglob("*"))
