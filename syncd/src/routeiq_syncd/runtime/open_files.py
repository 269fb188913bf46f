"""The limit of open files: each connection needs one, and the soft limit of many systems is 1024."""

import contextlib
import resource


def raise_limit() -> None:
    """Let this process, and those that it starts, open as many files as the system's hard limit allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # the system allows no more than before
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
