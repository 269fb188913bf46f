"""The shared page: memory that the parent writes and every worker reads.

A worker must answer ``/health/ready`` for the whole gateway, at once and whatever the disk does. So the parent puts
the gateway's answer here on each change; workers inherit the memory by fork.

The memory has two halves and one byte that says which half counts. The writer fills the other half and then flips the
byte, so a writer that is paused or killed in the middle of a write leaves the last content in force. A reader that the
writer overtakes twice while the reader copies notices by the checksum, and reads again.
"""

import json
import mmap
import struct
import zlib
from typing import Any

HALF = 64 * 1024
"""Bytes of each half."""
HEADER = struct.Struct("<II")  # length in bytes, crc32 of the text
INSTANT = struct.Struct("<d")  # seconds of the machine's monotonic clock
TRIES = 10_000


class SharedPage:
    """One JSON object, shared between the process that made the page and the children it forks afterwards.

    Behind it stands the instant of the writer's last turn, so that a reader can tell a writer that hangs.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1 + 2 * HALF + INSTANT.size)
        self.write({})

    def write(self, content: dict[str, Any]) -> None:
        """Put ``content``, of JSON values, on the page (parent only).

        Raises:
            ValueError: the content does not fit.
        """
        text = json.dumps(content).encode()
        if HEADER.size + len(text) > HALF:
            raise ValueError(f"the shared page holds {HALF - HEADER.size} bytes, the content has {len(text)}")
        other = 1 - self._memory[0]
        start = 1 + other * HALF
        self._memory[start : start + HEADER.size] = HEADER.pack(len(text), zlib.crc32(text))
        self._memory[start + HEADER.size : start + HEADER.size + len(text)] = text
        self._memory[0] = other

    def turned(self, now: float) -> None:
        """Note that the parent's loop turns at ``now``, in seconds of the monotonic clock (parent only)."""
        INSTANT.pack_into(self._memory, 1 + 2 * HALF, now)

    def since_turn(self, now: float) -> float:
        """Return for how many seconds the parent's loop has not turned; 0 before its first turn."""
        [last] = INSTANT.unpack_from(self._memory, 1 + 2 * HALF)
        return now - last if last else 0.0

    def read(self) -> dict[str, Any]:
        """Return the content of the page.

        Raises:
            RuntimeError: overtaken ten thousand times in a row, which the parent's rare writes cannot do.
        """
        for _ in range(TRIES):
            start = 1 + self._memory[0] * HALF
            length, checksum = HEADER.unpack(self._memory[start : start + HEADER.size])
            text = self._memory[start + HEADER.size : start + HEADER.size + min(length, HALF)]
            if zlib.crc32(text) == checksum:
                content: dict[str, Any] = json.loads(text)
                return content
        raise RuntimeError("the shared page changes faster than it can be read")
