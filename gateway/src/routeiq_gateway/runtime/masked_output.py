"""Standard output and error that take secrets out of whatever Python code of this process writes there.

Libraries write lines of their own, and some quote what they were given. All of them write to ``sys.stdout`` and
``sys.stderr``, many to the objects that stood there when they were imported. So these are replaced at the start; what
is masked may change later, as a process comes to know more secrets.
"""

import io
import sys
from collections.abc import Callable
from typing import TextIO


class MaskedOutput(io.TextIOWrapper):
    """A stream of text on the bytes of another; each text that is written goes through ``mask``."""

    def __init__(self, under: TextIO) -> None:
        super().__init__(
            under.buffer,
            encoding=under.encoding,
            errors=under.errors,
            line_buffering=getattr(under, "line_buffering", True),
            write_through=getattr(under, "write_through", False),  # as with PYTHONUNBUFFERED
        )
        self.mask: Callable[[str], str] = str

    def write(self, text: str) -> int:
        """Write ``text``, masked."""
        super().write(self.mask(text))
        return len(text)


def mask_output(mask: Callable[[str], str]) -> None:
    """From now on have all that is written to standard output and error go through ``mask``."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, MaskedOutput):
            stream.flush()
            stream = MaskedOutput(stream)
            setattr(sys, name, stream)
        stream.mask = mask
