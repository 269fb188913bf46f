"""The places in which workers keep their metrics.

prometheus_client has each process write files of its own, named by process id, and a scrape sums over all files. With
fresh workers at every reload those files would never end. So a worker takes a place, ``worker-1``, ``worker-2`` and so
on, the lowest that is free, and writes the files of that place. It goes on from the counters and histograms that it
finds there, so the sum over all files never falls, and nothing ever has to be moved from a file to another: each scrape
reads complete files, whatever is killed at any moment. Gauges say what is so in a worker that lives, and are emptied.

A worker holds its place by a lock (flock(2)) that the kernel releases when the process ends, however it ends. So a
place needs nobody to give it back, and the orphans of a killed parent share the places with the next one's workers.
"""

import contextlib
import fcntl
import hashlib
import itertools
import os
import shutil
import stat
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from routeiq_gateway.runtime.temporary import temporary_directory

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
HEADER = struct.Struct("i4x")
EMPTY = HEADER.pack(HEADER.size)
"""The beginning of a file that holds no value: how many of its bytes are in use."""
SMALLEST = 4096
"""Bytes of a new file; prometheus_client doubles a file as it fills."""


@dataclass(frozen=True)
class Places:
    """The places of one gateway.

    Attributes:
        directory: where the files are; it need not exist.
        private: the directory is the gateway's own, not one that the operator has named.
    """

    directory: Path
    private: bool

    @classmethod
    def find(cls, environment: Mapping[str, str], volume: Path) -> "Places":
        """Return the places in the directory that ``environment`` names, or in one that belongs to ``volume``.

        The next gateway on the volume finds the same directory, and in it the orphans of one that was killed.
        """
        named = environment.get(VARIABLE) or environment.get(VARIABLE.lower())
        if named:
            return cls(Path(named).absolute(), private=False)
        digest = hashlib.sha256(os.fsencode(volume)).hexdigest()
        return cls(temporary_directory() / f"routeiq-metrics-{os.geteuid()}-{digest[:12]}", private=True)

    def begin(self) -> None:
        """Remove what earlier gateways have left, unless a worker has a place: an orphan of a killed parent."""
        with contextlib.suppress(OSError), self._alone(wait=False):
            if self._nobody():
                for pattern in ("*.db", "litellm_admitted_series_*"):
                    for path in self.directory.glob(pattern):
                        path.unlink()

    def make(self) -> None:
        """Make the directory where there is none.

        Raises:
            OSError: it cannot be made.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def clear(self) -> None:
        """Empty the gauges of every place that nobody has. What cannot be done now is done by the next call."""
        with contextlib.suppress(OSError), self._alone(wait=False):
            for place in self._free():
                for path in self._gauges(place):
                    _empty(path)

    def end(self) -> None:
        """Remove the directory if it is private, unless a worker still has a place."""
        with contextlib.suppress(OSError), self._alone(wait=False):
            if self.private and self._nobody():
                shutil.rmtree(self.directory)

    def take(self) -> str:
        """Take the lowest free place, for as long as this process lives; return its name.

        Raises:
            OSError: the directory cannot be made or is another user's, or a file cannot be made.
        """
        self.make()
        with self._alone(wait=True):
            names = (f"worker-{number}" for number in itertools.count(1))
            place = next(name for name in names if _locked(self.directory / f"{name}.lock"))
            for path in self._gauges(place):
                _empty(path)
                with contextlib.suppress(OSError):  # no room: the emptied file does as well
                    make_file(path)
        return place

    @contextlib.contextmanager
    def _alone(self, *, wait: bool) -> Iterator[None]:
        """Let one process at a time take and look at places.

        Raises:
            PermissionError: the directory should be private, and others may read or write it.
        """
        descriptor = os.open(self.directory, os.O_DIRECTORY | (os.O_NOFOLLOW if self.private else 0))
        try:
            status = os.fstat(descriptor)
            if self.private and (status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077):
                raise PermissionError(f"{self.directory} is not this user's alone; remove it, or name another")
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield
        finally:
            os.close(descriptor)

    def _locks(self) -> list[Path]:
        return list(self.directory.glob("worker-*.lock"))

    def _free(self) -> Iterator[str]:
        for path in self._locks():
            descriptor = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield path.stem
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)

    def _nobody(self) -> bool:
        return len(list(self._free())) == len(self._locks())

    def _gauges(self, place: str) -> list[Path]:
        return list(self.directory.glob(f"gauge_*_{place}.db"))


def make_file(path: Path) -> None:
    """Put an empty file at ``path`` in one step, its space reserved, so that no scrape reads half a file.

    Raises:
        OSError: there is no room; nothing has changed.
    """
    made = path.with_suffix(".new")
    descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SMALLEST)
        os.pwrite(descriptor, EMPTY, 0)
        made.replace(path)
    except OSError:
        made.unlink()
        raise
    finally:
        os.close(descriptor)


def _empty(path: Path) -> None:
    """Empty a file where it stands: needs no room, and a scrape that has begun to read it still finds the rest."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, EMPTY, 0)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> bool:
    """Lock ``path`` for the life of this process, unless another has."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True
