"""A file of metrics whose space is reserved, so that a full disk costs metrics and not the worker.

prometheus_client grows its files by truncate(2), which reserves nothing, and maps them into memory: on a full disk the
first write to a page kills the process by SIGBUS. Here the space is reserved before it is mapped. A value that has no
room stays in the worker's own memory, out of the scrape, and comes into the file when there is room again.
"""

import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from prometheus_client.mmap_dict import MmapedDict

from routeiq_gateway.litellm_edge.metrics.places import make_file

AGAIN_SECONDS = 10.0
"""Seconds after which room is looked for again."""
AROUND_KEY, VALUE = 12, 16
"""Bytes of an entry: the length of the key with the most padding, and value with time."""


class ReservedDict(MmapedDict):
    """prometheus_client's dictionary of one file, with room that is sure."""

    def __init__(self, filename: str, *, shared: bool, left_out: Callable[[OSError], None]) -> None:
        """Open the file, or do without.

        Args:
            filename: its path.
            shared: False leaves every value out, and no file is made.
            left_out: is told why values are left out of the scrape.
        """
        self._f: BinaryIO | None = None  # type: ignore[assignment] # as close() leaves it
        self._positions = {}
        self._outside: dict[str, tuple[float, float]] = {}
        self._tell = left_out
        self._again = 0.0
        if not shared:
            return
        try:
            if not Path(filename).exists():
                make_file(Path(filename))
            with Path(filename).open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            super().__init__(filename)
        except OSError as error:
            self.close()
            left_out(error)

    def read_value(self, key: str) -> tuple[float, float]:
        """Return value and time of ``key``."""
        if self._placed(key):
            value: tuple[float, float] = super().read_value(key)
            return value
        return self._outside.setdefault(key, (0.0, 0.0))

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Set value and time of ``key``."""
        if self._placed(key):
            super().write_value(key, value, timestamp)
            self._outside.pop(key, None)
        else:
            self._outside[key] = (value, timestamp)

    def _placed(self, key: str) -> bool:
        """Whether ``key`` is in the file, or can be put there now."""
        if key in self._positions:
            return True
        if self._f is None or time.monotonic() < self._again:
            return False
        try:
            self._grow(self._f.fileno(), self._used + AROUND_KEY + len(key.encode()) + VALUE)
        except OSError as error:
            self._again = time.monotonic() + AGAIN_SECONDS
            self._tell(error)
            return False
        return True

    def _grow(self, descriptor: int, wanted: int) -> None:
        capacity = self._capacity
        while capacity < wanted:
            capacity *= 2
        if capacity > self._capacity:
            os.posix_fallocate(descriptor, 0, capacity)
            self._m = mmap.mmap(descriptor, capacity)
            self._capacity = capacity
