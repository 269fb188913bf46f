"""Log lines that cannot be written."""

import os

from routeiq_gateway.runtime.logs import Unfailing


def test_a_log_that_nobody_reads_ends_nothing() -> None:
    """Logging to a pipe whose reader has gone is no error: an orphaned worker goes on serving."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        Unfailing(stream).write("line\n")
        Unfailing(stream).flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
