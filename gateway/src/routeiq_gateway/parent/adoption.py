"""Taking the listening socket over from workers whose parent died, and asking them to go on.

An orphan offers its socket on a UNIX socket of the volume (SCM_RIGHTS, unix(7)); see
:mod:`routeiq_gateway.worker.orphan`. The kernel's queue of connections is never torn down.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from routeiq_gateway.ipc.listener_handoff import ASK_SECONDS, FOLDER, SERVING


def adopt_listener(volume: Path, port: int) -> socket.socket | None:
    """Ask the orphans on ``volume`` for their listening socket on ``port``; None where there is none."""
    with contextlib.suppress(OSError):  # it is asked again, since the port is taken
        for listener, _ in _offers(volume, port):
            return listener
    return None


def orphans_serve(volume: Path, port: int) -> bool:
    """Whether orphans on ``volume`` serve a revision on ``port``, or may do so: where they cannot be asked now.

    To each orphan asked it is a sign to go on.
    """
    words = []
    try:
        for listener, word in _offers(volume, port):
            listener.close()
            words.append(word)
    except OSError:
        return True
    return SERVING in words


def _offers(volume: Path, port: int) -> Iterator[tuple[socket.socket, bytes]]:
    """Yield the socket that each orphan listens on, and its word: whether it serves a revision.

    Raises:
        OSError: nobody can be asked now, for want of a descriptor for instance.
    """
    try:
        paths = sorted((volume / FOLDER).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in paths:
        offer = _ask(path, port) if path.suffix == ".sock" else None
        if offer is not None:
            yield offer


def _ask(path: Path, port: int) -> tuple[socket.socket, bytes] | None:
    """Return the offer of the orphan that listens at ``path``, None where there is none on ``port``.

    Raises:
        OSError: nobody can be asked now, for want of a descriptor for instance.
    """
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(ASK_SECONDS)
        try:
            asking.connect(str(path))
            word, descriptors, _, _ = socket.recv_fds(asking, 16, 1)
        except (ConnectionError, FileNotFoundError, TimeoutError):
            word, descriptors = b"", []
        if not word:
            path.unlink(missing_ok=True)  # its worker is gone, or hangs
            return None
        if not descriptors:  # the kernel drops what finds no free descriptor
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        listener = socket.socket(fileno=descriptors[0])
        if listener.getsockname()[1] == port:
            return listener, word
        listener.close()
        path.unlink(missing_ok=True)  # it serves another port
        return None
