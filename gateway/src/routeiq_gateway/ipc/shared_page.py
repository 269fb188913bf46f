"""The board: shared memory that the parent writes and every worker reads.

A worker must answer ``/health/ready`` for the whole gateway, at once and whatever the disk does. The parent puts the
answer document here on each change; workers inherit the memory by fork.

There are two pages and one byte that says which of them counts. The writer fills the other page and then flips the
byte, so a writer that is paused or killed in the middle of a write leaves the last document in force. A reader that is
overtaken twice while it copies notices by the checksum, and reads again.
"""

import json
import mmap
import struct
import zlib
from typing import Any

PAGE = 64 * 1024
HEADER = struct.Struct("<II")  # length in bytes, crc32 of the text
TRIES = 10_000


class Board:
    """Shared between the process that made it and the children it forks afterwards."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1 + 2 * PAGE)
        self.write({})

    def write(self, document: dict[str, Any]) -> None:
        """Put ``document`` on the board (parent only).

        Raises:
            ValueError: the document does not fit.
        """
        text = json.dumps(document).encode()
        if HEADER.size + len(text) > PAGE:
            raise ValueError(f"the board holds {PAGE - HEADER.size} bytes, the document has {len(text)}")
        other = 1 - self._memory[0]
        start = 1 + other * PAGE
        self._memory[start : start + HEADER.size] = HEADER.pack(len(text), zlib.crc32(text))
        self._memory[start + HEADER.size : start + HEADER.size + len(text)] = text
        self._memory[0] = other

    def read(self) -> dict[str, Any]:
        """Return the document that stands on the board.

        Raises:
            RuntimeError: overtaken ten thousand times in a row, which no writer of answers can do.
        """
        for _ in range(TRIES):
            start = 1 + self._memory[0] * PAGE
            length, checksum = HEADER.unpack(self._memory[start : start + HEADER.size])
            text = self._memory[start + HEADER.size : start + HEADER.size + min(length, PAGE)]
            if zlib.crc32(text) == checksum:
                document: dict[str, Any] = json.loads(text)
                return document
        raise RuntimeError("the board changes faster than it can be read")
