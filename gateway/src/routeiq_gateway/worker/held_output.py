"""What a worker prints while LiteLLM starts, held back on a real descriptor.

LiteLLM prints a banner and a list of models at each start, where a log has one event a line. During the start,
descriptor 1 leads into a pipe, and ``sys.stdout`` stays the object it is. So a subprocess that is given ``sys.stdout``
has a descriptor to write to, and a logger that binds ``sys.stdout`` while a callback is imported writes to the real
output from the end of the start on.

A thread reads the pipe: printing never waits for the event loop. A subprocess that inherited the pipe keeps the thread
until it ends, and what it prints after the start is passed on to the real output.
"""

import contextlib
import os
import secrets
import sys
import threading

STDOUT = 1
MOST_HELD = 1 << 20
"""Bytes held back. A start that prints more has the rest passed on at once: memory is bounded and no line is lost."""
READ_SIZE = 1 << 16


class HeldOutput:
    """Holds back what goes to descriptor 1 from the call of :meth:`hold` to the call of :meth:`release`."""

    def __init__(self) -> None:
        self._mark = b"\0%s\0" % secrets.token_hex(16).encode()  # no program prints it by chance
        self._held = bytearray()
        self._complete = threading.Event()
        self._real = -1
        self._pipe = -1

    def hold(self) -> None:
        """Begin to hold back.

        Raises:
            OSError: no descriptor is to be had.
        """
        sys.stdout.flush()
        self._real = os.dup(STDOUT)
        self._pipe, write = os.pipe()
        os.dup2(write, STDOUT)
        os.close(write)
        threading.Thread(target=self._read, name="held output", daemon=True).start()

    def release(self) -> str:
        """Give descriptor 1 back to the real output; return what was printed meanwhile."""
        sys.stdout.flush()
        os.write(STDOUT, self._mark)
        os.dup2(self._real, STDOUT)
        self._complete.wait()
        return self._held.decode(errors="replace")

    def _read(self) -> None:
        """Read until the last writer has closed the pipe: up to the mark into memory, then to the real output."""
        passing = False
        rest = b""
        while chunk := os.read(self._pipe, READ_SIZE):
            rest += chunk
            if not self._complete.is_set():
                before, mark, after = rest.partition(self._mark)
                # The end of a chunk may be the beginning of the mark.
                kept = len(before) if mark else max(len(before) - len(self._mark) + 1, 0)
                passing = passing or len(self._held) + kept > MOST_HELD
                if passing:
                    _pass_on(self._real, before[:kept])
                else:
                    self._held += before[:kept]
                rest = after if mark else before[kept:]
                if mark:
                    self._complete.set()
            if self._complete.is_set():
                _pass_on(self._real, rest)
                rest = b""
        os.close(self._pipe)
        os.close(self._real)


def _pass_on(descriptor: int, text: bytes) -> None:
    """Write ``text`` whole; an output that is gone takes nothing, and the writer is not to notice."""
    with contextlib.suppress(OSError):
        while text:
            text = text[os.write(descriptor, text) :]
