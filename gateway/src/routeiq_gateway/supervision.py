"""A plug-in for supervisord: a program that ends up FATAL takes the whole down, with a non-zero status.

supervisord itself would go on with the other programs, and always exits 0. Named in ``supervisord.conf`` as an
``rpcinterface`` (https://supervisord.org/xmlrpc.html#rpc-interface-extension), which is supervisord's way of loading
an extension into its own process; there it works as PID 1 too, where no signal from inside a container would.
"""

import atexit
import os
import sys
from typing import Any

from supervisor import events
from supervisor.states import SupervisorStates

EXIT_FATAL = 70


class Nothing:
    """The RPC namespace that the extension point asks for; it offers no method."""


def make(supervisord: Any, **_options: str) -> Nothing:  # noqa: ANN401 - supervisor ships no types
    """Watch ``supervisord`` for a FATAL program."""

    def fatal(event: Any) -> None:  # noqa: ANN401 - supervisor ships no types
        name = event.process.config.name
        message = f"{name} is FATAL: stopping everything, exit status {EXIT_FATAL}"
        supervisord.options.logger.critical(message)
        supervisord.options.mood = SupervisorStates.SHUTDOWN
        if not failed:
            failed.append(name)
            atexit.register(_exit)

    failed: list[str] = []
    events.subscribe(events.ProcessStateFatalEvent, fatal)
    return Nothing()


def _exit() -> None:
    """End with our status: by now every program has been stopped, and supervisord is about to return 0."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FATAL)
