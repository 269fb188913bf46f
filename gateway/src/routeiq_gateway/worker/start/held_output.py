"""What a worker prints while LiteLLM starts, held back on a real descriptor.

LiteLLM prints a banner and a list of models at each start, which do not belong in a log with one event a line. During
the start, descriptor 1 leads into a pipe, and ``sys.stdout`` stays the same object. So a subprocess that is given
``sys.stdout`` has a descriptor to write to, and a logger that binds ``sys.stdout`` while a callback is imported writes
to the real output once the start has ended.

A thread reads the pipe, so printing never waits for the event loop. The thread lives as long as a subprocess that
inherited the pipe, and passes on to the real output what the subprocess prints after the start.
"""

import contextlib
import os
import secrets
import sys
import threading

STDOUT = 1
MOST_HELD = 1 << 20
"""Bytes held back at most. The rest is passed on at once, so memory is bounded and no line is lost."""
READ_SIZE = 1 << 16


class HeldOutput:
    """Holds back what is written to descriptor 1 between the calls of :meth:`hold` and :meth:`release`."""

    def __init__(self) -> None:
        self._mark = b"\0%s\0" % secrets.token_hex(16).encode()  # no program prints it by chance
        self._held = bytearray()
        self._complete = threading.Event()
        self._real = self._pipe = self._write = -1

    def hold(self) -> None:
        """Begin to hold back.

        Raises:
            OSError: the process has no descriptor left.
        """
        sys.stdout.flush()
        self._real = os.dup(STDOUT)
        self._pipe, self._write = os.pipe()
        os.dup2(self._write, STDOUT)
        threading.Thread(target=self._read, name="held output", daemon=True).start()

    def release(self) -> str:
        """Give descriptor 1 back, unless a callback has led it elsewhere; return the text held back."""
        sys.stdout.flush()
        os.write(self._write, self._mark)
        with contextlib.suppress(OSError):  # a callback has closed descriptor 1
            if os.path.samestat(os.fstat(STDOUT), os.fstat(self._write)):
                os.dup2(self._real, STDOUT)
        os.close(self._write)
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
    """Write all of ``text``; it is dropped where nobody reads the output, as the writer must go on."""
    with contextlib.suppress(OSError):
        while text:
            text = text[os.write(descriptor, text) :]
