"""Losing no request when the parent dies.

Workers hold the listening socket too, so they go on serving. The parent that the supervisor starts next cannot bind
the port while they do; it asks one of them for the socket instead (SCM_RIGHTS, unix(7)), and the kernel's queue of
connections is never torn down. Once the new parent's answer on the volume says ``serving``, the orphans drain.
"""

import asyncio
import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from routeiq_gateway.server import Server
from routeiq_gateway.settings import Settings

LOOK_SECONDS = 0.2
ASK_SECONDS = 5.0
FOLDER = "handoff"


async def outlive_parent(server: Server, listener: socket.socket, settings: Settings) -> None:
    """Serve without a parent until a new one serves, or for ``settings.orphan_limit`` seconds; then drain."""
    if not server.accepting:
        server.drain(settings.drain)
        return
    answer = settings.volume / "answers/gateway.json"
    instance = _serving_instance(answer)
    deadline = time.monotonic() + settings.orphan_limit
    # Whatever goes wrong, a worker that nobody commands must not hold the port for ever.
    try:
        with _offer(settings.volume / FOLDER / f"{os.getpid()}.sock", listener):
            while time.monotonic() < deadline and _serving_instance(answer) in {None, instance}:
                _let_go_of_dead_pipes()
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        server.drain(settings.drain)


def adopt_listener(volume: Path, port: int) -> socket.socket | None:
    """Ask the orphans on ``volume`` for their listening socket on ``port``; None where there is none."""
    for path in sorted((volume / FOLDER).glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.settimeout(ASK_SECONDS)
            asking.connect(str(path))
            _, descriptors, _, _ = socket.recv_fds(asking, 16, 1)
            for descriptor in descriptors:
                listener = socket.socket(fileno=descriptor)
                if listener.getsockname()[1] == port:
                    return listener
                listener.close()
        path.unlink(missing_ok=True)  # its worker is gone, or serves another port
    return None


def _let_go_of_dead_pipes() -> None:
    """Send output to nowhere once nobody reads it: the supervisor closes its pipes when it has buried the parent.

    Whatever prints in a request would fail on such a pipe, and the request with it.
    """
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    for descriptor, event in poll.poll(0):
        if event & select.POLLERR:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


@contextlib.contextmanager
def _offer(path: Path, listener: socket.socket) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as offering:
        offering.bind(str(path))
        path.chmod(0o600)
        offering.listen()
        offering.setblocking(False)

        def give() -> None:
            with contextlib.suppress(OSError):  # the asker is gone again
                asking, _ = offering.accept()
                with asking:
                    socket.send_fds(asking, [b"listener"], [listener.fileno()])

        loop.add_reader(offering.fileno(), give)
        try:
            yield
        finally:
            loop.remove_reader(offering.fileno())
            path.unlink(missing_ok=True)


def _serving_instance(answer: Path) -> str | None:
    """Return the instance that ``answer`` says is serving, or None."""
    try:
        document = json.loads(answer.read_bytes())
    except (OSError, ValueError):
        return None
    return str(document.get("instance")) if document.get("state") == "serving" else None
