"""Ending with supervisord, however it ends: killed, or gone with its terminal; having it go on where it is stopped."""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_supervisord() -> None:
    """Have the kernel send SIGTERM to this process, a child of supervisord's, when supervisord dies. Linux only.

    Raises:
        SystemExit: it has died already.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # A child whose parent died before the call is init's by now, which is supervisord's own place in a container.
    if os.getppid() == 1 and b"supervisor" not in Path("/proc/1/cmdline").read_bytes():
        raise SystemExit(0)


def wake(pid: int) -> bool:
    """Have a process go on that a signal has stopped (SIGSTOP, Ctrl-Z); whether it was stopped.

    The first process of a container ignores signals from inside, and yet goes on at this one. Who debugs a process
    stops it by other means. Linux only.
    """
    with contextlib.suppress(OSError):  # it is gone, or another user's
        if Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T":
            os.kill(pid, signal.SIGCONT)
            return True
    return False
