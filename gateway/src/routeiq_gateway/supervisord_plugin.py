"""A plug-in for supervisord: a program that ends up FATAL stops all programs, and no worker outlives a stop.

After a FATAL program the exit status is not zero; supervisord itself would go on with the other programs, and always
exits 0. ``supervisord.conf`` names the plug-in as an ``rpcinterface``, which supervisord loads into its own process
(https://supervisord.org/xmlrpc.html#rpc-interface-extension). There it works as PID 1 too, to which a signal from
inside the container would not be delivered.
"""

import atexit
import contextlib
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.states import SupervisorStates

EXIT_FATAL = 70
ASK_SECONDS = 5.0


class Nothing:
    """The RPC namespace that the extension point asks for; it offers no method."""


def make(supervisord: Any, *, volume: str, **_options: str) -> Nothing:  # noqa: ANN401 - supervisor ships no types
    """Watch ``supervisord`` for a FATAL program, and end what outlives its programs on ``volume``."""
    folder = Path(volume).absolute() / "handoff"

    def fatal(event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        if supervisord.options.mood != SupervisorStates.RUNNING:
            return  # a stop makes a program FATAL that was between two tries to start
        name = event.process.config.name
        message = f"{name} is FATAL: stopping everything, exit status {EXIT_FATAL}"
        supervisord.options.logger.critical(message)
        supervisord.options.mood = SupervisorStates.SHUTDOWN
        if not failed:
            failed.append(name)
            atexit.register(_exit, folder)

    failed: list[str] = []
    events.subscribe(events.ProcessStateFatalEvent, fatal)
    # At exit every program has been stopped; workers whose parent was killed are not programs of supervisord.
    atexit.register(end_orphans, folder)
    return Nothing()


def end_orphans(folder: Path) -> None:
    """Drain the workers without a parent: those that offer their listening socket in ``folder``."""
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.settimeout(ASK_SECONDS)
            asking.connect(str(path))
            # The kernel knows who listens (unix(7)); the pid in the name may be another process's by now.
            peer = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            os.kill(struct.unpack("3i", peer)[0], signal.SIGTERM)


def _exit(folder: Path) -> None:
    """End with :data:`EXIT_FATAL`, in place of the 0 that supervisord is about to return."""
    end_orphans(folder)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FATAL)
