"""The limits that the system sets to a process."""

import contextlib
import resource


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one: shells and runtimes leave it low for programs of old."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems refuse what they themselves give as the hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
