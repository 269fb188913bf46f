"""Taking the listening socket over from workers whose parent died, and asking them to go on.

An orphan offers its socket on a UNIX socket of the volume (SCM_RIGHTS, unix(7)); see
:mod:`routeiq_gateway.worker.orphan`. The kernel's queue of connections is never torn down.
"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from routeiq_gateway.ipc.handoff import ASK_SECONDS, FOLDER, SERVING


def adopt_listener(volume: Path, port: int) -> socket.socket | None:
    """Ask the orphans on ``volume`` for their listening socket on ``port``; None where there is none."""
    for listener, _ in _offers(volume, port):
        return listener
    return None


def orphans_serve(volume: Path, port: int) -> bool:
    """Whether orphans on ``volume`` serve a revision on ``port``. To each orphan asked it is a sign to go on."""
    words = []
    for listener, word in _offers(volume, port):
        listener.close()
        words.append(word)
    return SERVING in words


def _offers(volume: Path, port: int) -> Iterator[tuple[socket.socket, bytes]]:
    """Yield the socket that each orphan listens on, and its word: whether it serves a revision."""
    for path in sorted((volume / FOLDER).glob("*.sock")):
        offer = _ask(path, port)
        if offer is not None:
            yield offer


def _ask(path: Path, port: int) -> tuple[socket.socket, bytes] | None:
    with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
        asking.settimeout(ASK_SECONDS)
        asking.connect(str(path))
        word, descriptors, _, _ = socket.recv_fds(asking, 16, 1)
        for descriptor in descriptors:
            listener = socket.socket(fileno=descriptor)
            if listener.getsockname()[1] == port:
                return listener, word
            listener.close()
    path.unlink(missing_ok=True)  # its worker is gone, or serves another port
    return None
