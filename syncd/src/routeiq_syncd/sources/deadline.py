"""The end of a body that comes too slowly: a server that sends byte by byte keeps each single wait short."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def deadline(end: Callable[[], object], seconds: float) -> Iterator[threading.Event]:
    """Call ``end`` after ``seconds``, unless the block has ended by then; the event says that it was called."""
    late = threading.Event()

    def ended() -> None:
        late.set()
        with contextlib.suppress(Exception):  # the body was read to its end at this moment
            end()

    timer = threading.Timer(seconds, ended)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
