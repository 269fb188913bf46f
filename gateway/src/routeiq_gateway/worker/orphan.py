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
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from routeiq_gateway.ipc.listener_handoff import FOLDER, SERVING, WAITING
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
    asked = [time.monotonic()]
    serving = server.front.inner is not placeholder
    looking = asyncio.create_task(_wait_for_relief(settings.volume, listener, asked, serving=serving))
    # Whatever goes wrong, a worker that nobody commands must not hold the port for ever.
    try:
        while not looking.done() and time.monotonic() - asked[0] < settings.orphan_limit:
            _let_go_of_dead_pipes()
            await asyncio.wait({looking}, timeout=LOOK_SECONDS)
    finally:
        looking.cancel()
        server.drain(settings.drain, idle=settings.keepalive)


async def _wait_for_relief(volume: Path, listener: socket.socket, asked: list[float], *, serving: bool) -> None:
    """Offer the socket until another gateway relieves this worker; the instant of each question goes to ``asked``.

    The volume may hang, which is why the parent died perhaps, and requests go on: only a thread touches it, for which
    nobody waits.
    """
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1)
    answer, path = volume / "answers/gateway.json", volume / FOLDER / f"{os.getpid()}.sock"
    before, offering = await _begin_to_offer(loop, thread, answer, path)

    def give() -> None:
        with contextlib.suppress(OSError):  # the asker is gone again
            asking, _ = offering.accept()
            asked[0] = time.monotonic()
            with asking:
                socket.send_fds(asking, [SERVING if serving else WAITING], [listener.fileno()])

    loop.add_reader(offering.fileno(), give)
    ended = threading.Event()

    def look() -> None:
        while not _relieved(answer, before, serving=serving) and not ended.wait(LOOK_SECONDS):
            pass

    try:
        await loop.run_in_executor(thread, look)
    finally:
        ended.set()
        loop.remove_reader(offering.fileno())
        offering.close()
        thread.submit(path.unlink, missing_ok=True)


async def _begin_to_offer(
    loop: asyncio.AbstractEventLoop, thread: ThreadPoolExecutor, answer: Path, path: Path
) -> tuple[Mapping[str, Any], socket.socket]:
    """Return the answer on the volume, and a socket that listens at ``path``, as soon as there is room for it."""
    while True:
        with contextlib.suppress(OSError, RuntimeError):  # there is no room, no descriptor or no thread now
            before = await loop.run_in_executor(thread, _read, answer)
            return before, await loop.run_in_executor(thread, _offer, path)
        await asyncio.sleep(LOOK_SECONDS)


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


def _offer(path: Path) -> socket.socket:
    """Return a socket that listens at ``path``."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)
    offering = socket.socket(socket.AF_UNIX)
    offering.bind(str(path))
    path.chmod(0o600)
    offering.listen()
    offering.setblocking(False)
    return offering


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
