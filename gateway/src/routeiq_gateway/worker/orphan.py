"""A worker whose parent died: no request is lost.

Workers hold the listening socket too, so they go on serving. The parent that the supervisor starts next cannot bind
the port while they do. It asks an orphan for the socket instead (:mod:`routeiq_gateway.parent.adoption`). Once the
answer of the new parent on the volume says ``serving``, the orphans drain. A new parent that has nothing to serve goes
on asking, and each question gives the orphans their whole time anew: an old revision is better than a 503.
"""

import asyncio
import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routeiq_gateway.ipc.handoff import FOLDER, SERVING, WAITING
from routeiq_gateway.settings import Settings
from routeiq_gateway.worker.placeholder import placeholder
from routeiq_gateway.worker.server import Server

LOOK_SECONDS = 0.2


async def outlive_parent(server: Server, listener: socket.socket, settings: Settings) -> None:
    """Serve without a parent until a new one serves or stops; then drain.

    The worker also drains once no parent has asked for the listening socket for ``settings.orphan_limit`` seconds.
    """
    if not server.accepting:
        server.drain(settings.drain, idle=settings.keepalive)
        return
    answer = settings.volume / "answers/gateway.json"
    before = _read(answer)
    serving = server.front.inner is not placeholder
    word = SERVING if serving else WAITING
    asked = [time.monotonic()]
    # Whatever goes wrong, a worker that nobody commands must not hold the port for ever.
    try:
        path, relieved = settings.volume / FOLDER / f"{os.getpid()}.sock", False
        while not relieved and time.monotonic() - asked[0] < settings.orphan_limit:
            with contextlib.suppress(OSError), _offer(path, listener, word, asked):  # else there is no room: again
                while not relieved and time.monotonic() - asked[0] < settings.orphan_limit:
                    relieved = _relieved(answer, before, serving=serving)
                    _let_go_of_dead_pipes()
                    await asyncio.sleep(0 if relieved else LOOK_SECONDS)
            await asyncio.sleep(0 if relieved else LOOK_SECONDS)
    finally:
        server.drain(settings.drain, idle=settings.keepalive)


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
def _offer(path: Path, listener: socket.socket, word: bytes, asked: list[float]) -> Iterator[None]:
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
                asked[0] = time.monotonic()
                with asking:
                    socket.send_fds(asking, [word], [listener.fileno()])

        loop.add_reader(offering.fileno(), give)
        try:
            yield
        finally:
            loop.remove_reader(offering.fileno())
            path.unlink(missing_ok=True)


def _relieved(answer: Path, before: Mapping[str, Any], *, serving: bool) -> bool:
    """Whether another gateway than the one whose answer was ``before`` serves, or is told to stop.

    For an orphaned placeholder: whether the placeholder of another gateway is up.
    """
    document = _read(answer)
    if document.get("instance") in {None, before.get("instance")}:
        return False
    if document.get("state") != "starting":
        return True
    return not serving and any(worker.get("state") == "ready" for worker in document.get("workers", ()))


def _read(answer: Path) -> Mapping[str, Any]:
    """Return the answer on the volume, nothing where it cannot be read."""
    try:
        document = json.loads(answer.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
