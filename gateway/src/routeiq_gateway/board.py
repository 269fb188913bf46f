"""The board: one page of memory that the parent writes and every worker reads.

A worker must answer ``/health/ready`` for the whole gateway, at once and whatever the disk does. The parent puts the
answer document here on each change; workers inherit the page by fork. A reader never sees half a document: the
header carries a checksum, and a torn read is read again.
"""

import json
import mmap
import struct
import zlib
from typing import Any

SIZE = 128 * 1024
HEADER = struct.Struct("<II")  # length in bytes, crc32 of the text
TRIES = 1000


class Board:
    """Shared between the process that made it and the children it forks afterwards."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, SIZE)
        self.write({})

    def write(self, document: dict[str, Any]) -> None:
        """Put ``document`` on the board (parent only).

        Raises:
            ValueError: the document does not fit.
        """
        text = json.dumps(document).encode()
        if HEADER.size + len(text) > SIZE:
            raise ValueError(f"the board holds {SIZE - HEADER.size} bytes, the document has {len(text)}")
        self._page[HEADER.size : HEADER.size + len(text)] = text
        self._page[: HEADER.size] = HEADER.pack(len(text), zlib.crc32(text))

    def read(self) -> dict[str, Any]:
        """Return the document that stands on the board.

        Raises:
            RuntimeError: no whole document in a thousand tries, which a parent that is alive cannot cause.
        """
        for _ in range(TRIES):
            length, checksum = HEADER.unpack(self._page[: HEADER.size])
            text = self._page[HEADER.size : HEADER.size + min(length, SIZE)]
            if zlib.crc32(text) == checksum:
                document: dict[str, Any] = json.loads(text)
                return document
        raise RuntimeError("the board holds no whole document; its writer died in the middle of a write")
