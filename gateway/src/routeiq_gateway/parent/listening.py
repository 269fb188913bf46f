"""The listening socket: bound at once or taken over from orphans; it listens once a worker accepts."""

import errno
import socket
import time

from routeiq_gateway.parent.adoption import adopt_listener
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings

BIND_SECONDS = 3.0
"""For workers to notice that their parent has died, and to offer the socket. supervisord's startsecs is longer."""
RETRY_SECONDS = 0.2
BACKLOG = 2048


class CannotListenError(Exception):
    """The gateway cannot listen on HOST and ``port``; ``hint`` says what to set."""

    def __init__(self, error: OSError | UnicodeError, hint: str, port: int) -> None:
        super().__init__(getattr(error, "strerror", None) or str(error))
        self.hint = hint
        self.port = port


def bind(settings: Settings, log: Log) -> socket.socket:
    """Return the gateway's bound socket, taken over from orphaned workers where there are any.

    Raises:
        CannotListenError: there is no such host here, or another process has the port.
    """
    deadline = time.monotonic() + BIND_SECONDS
    while True:
        listener = adopt_listener(settings.volume, settings.port)
        if listener is not None:
            log.info("took the listening socket over from workers whose parent died", port=settings.port)
            break
        listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            break
        except (OSError, UnicodeError) as error:  # UnicodeError: no valid host name
            listener.close()
            if isinstance(error, UnicodeError | socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise CannotListenError(error, "set HOST", settings.port) from error
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise CannotListenError(error, "set PORT", settings.port) from error
        time.sleep(RETRY_SECONDS)
    listener.setblocking(False)
    return listener


def check_metrics_port(settings: Settings) -> None:
    """Check that the server of metrics can listen, before anything depends on it.

    Raises:
        CannotListenError: another process has its port.
    """
    if settings.metrics_port is None:
        return
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.metrics_port))
            probe.listen()
        except OSError as error:
            raise CannotListenError(error, "set PROMETHEUS_METRICS_PORT", settings.metrics_port) from error


def listen(listener: socket.socket) -> None:
    """Let clients connect.

    Raises:
        CannotListenError: another process has come to listen on the port since it was bound.
    """
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        raise CannotListenError(error, "set PORT", listener.getsockname()[1]) from error
