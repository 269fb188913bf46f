"""The command ``run``: the loops of one mode, until a signal stops them."""

import asyncio
import contextlib
import os
import signal
import socket
from typing import TYPE_CHECKING

from routeiq_syncd.assembly.parts import Parts, opened
from routeiq_syncd.assembly.single import Single
from routeiq_syncd.control.arguments import DONE, FAILED, PORT_TAKEN
from routeiq_syncd.control.server import App, CannotListenError, listen, serve
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.lifeline import end_with_supervisord, wake
from routeiq_syncd.runtime.limits import raise_open_files
from routeiq_syncd.runtime.logs import Log, build_log
from routeiq_syncd.runtime.notify import EVERY_SECONDS, Notifier
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.runtime.turns.waiting import endless
from routeiq_syncd.settings import Settings
from routeiq_syncd.status.files import status_bytes
from routeiq_syncd.volume.volume import Checkpoint

if TYPE_CHECKING:
    from routeiq_syncd.assembly.leader_election import LeaderElection

HANG_SECONDS = 45.0
"""Seconds without a sign of life after which a supervisor takes this process for hung."""


def run(settings: Settings, checkpoint: Checkpoint, now: Now) -> int:
    """Run until a signal; return the exit code.

    Raises:
        VolumeUnusableError: the volume cannot be written by this process.
    """
    raise_open_files()
    notifier = Notifier(settings.notify_socket)
    notifier.works(within=HANG_SECONDS)
    log = build_log("syncd", level=settings.log_level, form=settings.log_format)
    raise_open_files()
    with opened(settings, log, checkpoint, now) as parts:
        try:
            if settings.supervised:
                end_with_supervisord()
            sockets = listen(settings.host, settings.port, settings.socket)
            return asyncio.run(_run(parts, sockets, notifier))
        except CannotListenError as error:
            log.error("cannot listen", reason=str(error))
            return PORT_TAKEN
        except BaseExceptionGroup:
            if parts.volume.lost():
                log.error(
                    "the volume was emptied or replaced; the next start makes it anew", volume=str(settings.volume)
                )
            else:
                log.exception("a loop died")
        return FAILED


async def _run(parts: Parts, sockets: list[socket.socket], notifier: Notifier) -> int:
    """Run the loops until a signal stops them. A loop that dies takes the process down with it."""
    settings, log = parts.settings, parts.log
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    mode = _mode(parts)
    app = App(mode.recorder, mode.turn_now, parts.liveness, mode.questions, mode.commands)
    loops = [
        *parts.common_loops(mode.recorder),
        *mode.loops(),
        serve(app, sockets),
        tell_supervisor(notifier, parts.liveness, log, supervisord=os.getppid() if settings.supervised else None),
    ]
    log.info("started", source=parts.source.location, volume=str(settings.volume), interval=settings.interval)
    for warning in settings.warnings:
        log.warning("setting warning", warning=warning)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(endless(loop)) for loop in loops]
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        mode.recorder.stopping()
        with contextlib.suppress(OSError):  # a faulty or lost volume must not turn a clean stop into a failure
            parts.volume.write_status(status_bytes(mode.recorder))
            settings.socket.unlink()
    log.info("stopped")
    return DONE


async def tell_supervisor(notifier: Notifier, liveness: Liveness, log: Log, *, supervisord: int | None) -> None:
    """Say to the supervisor that this process works, for as long as every loop does, until cancelled.

    ``supervisord`` is the pid of one that has to go on for that, None where something else supervises.
    """
    while True:
        if supervisord is not None and wake(supervisord):
            log.error("supervisord was stopped, and goes on", pid=supervisord)
        if not liveness.late():
            notifier.works(within=HANG_SECONDS)
        await asyncio.sleep(EVERY_SECONDS)


def _mode(parts: Parts) -> "Single | LeaderElection":
    if parts.settings.election is None:
        return Single(parts)
    from routeiq_syncd.assembly.leader_election import LeaderElection  # noqa: PLC0415 - asyncpg's memory is paid on use

    return LeaderElection(parts, parts.settings.election)
