"""A plug-in for supervisord: a program that ends up FATAL takes the whole down, and no worker outlives a stop.

The first with a non-zero status:
supervisord itself would go on with the other programs, and always exits 0. Named in ``supervisord.conf`` as an
``rpcinterface`` (https://supervisord.org/xmlrpc.html#rpc-interface-extension), which is supervisord's way of loading
an extension into its own process; there it works as PID 1 too, where no signal from inside a container would.
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
            return  # a stop finds a program between two tries, which is no failure of the whole
        name = event.process.config.name
        message = f"{name} is FATAL: stopping everything, exit status {EXIT_FATAL}"
        supervisord.options.logger.critical(message)
        supervisord.options.mood = SupervisorStates.SHUTDOWN
        if not failed:
            failed.append(name)
            atexit.register(_exit, folder)

    failed: list[str] = []
    events.subscribe(events.ProcessStateFatalEvent, fatal)
    # By then every program has been stopped; workers whose parent had been killed are no program of supervisord's.
    atexit.register(end_orphans, folder)
    return Nothing()


def end_orphans(folder: Path) -> None:
    """Have the workers that offer their socket in ``folder``, since they have no parent, drain."""
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.settimeout(ASK_SECONDS)
            asking.connect(str(path))
            # The kernel's word for who listens: the pid in the name may be another process's by now.
            peer = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            os.kill(struct.unpack("3i", peer)[0], signal.SIGTERM)


def _exit(folder: Path) -> None:
    """End with our status: by now every program has been stopped, and supervisord is about to return 0."""
    end_orphans(folder)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FATAL)
