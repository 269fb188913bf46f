"""Forking workers from the clean parent.

The parent has imported LiteLLM, runs no thread and no event loop, and has frozen its heap, so a child starts with all
of LiteLLM in memory it shares. A child never returns into the parent's code: it ends with ``os._exit``.
"""

import atexit
import gc
import os
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.volume import Revision
from routeiq_gateway.worker.worker import Assignment, Worker

EXIT_CRASHED = 70

ChildState = Literal["starting", "ready", "draining"]


@dataclass(eq=False)
class Child:
    """A worker as the parent sees it."""

    pid: int
    channel: Channel
    revision: Revision | None
    state: ChildState = "starting"
    kill_at: float | None = None  # monotonic seconds, once it drains
    worn: str | None = None  # the limit it has passed, which asks for a replacement


@dataclass
class Forker:
    """Makes children. ``at_fork`` runs in the child first and drops what belongs to the parent alone."""

    settings: Settings
    environment: Mapping[str, str]
    listener: socket.socket
    page: SharedPage
    log: Log

    def fork(
        self, revision: Revision | None, config: Path | None, *, trial: bool, at_fork: Callable[[], None]
    ) -> Child:
        """Fork one worker on ``revision``, which loads the staged ``config``."""
        ours, theirs = Channel.pair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            theirs.close()
            return Child(pid, ours, revision)
        code = EXIT_CRASHED
        try:
            at_fork()
            ours.close()
            gc.enable()
            log = self.log.bind(worker=os.getpid(), revision=revision.number if revision else None)
            worker = Worker(
                Assignment(config, trial),
                self.settings,
                self.environment,
                theirs,
                self.listener,
                self.page,
                log,
            )
            code = worker.run()
            # As multiprocessing ends a fork; LiteLLM flushes its logs here.
            atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name for it
        except BaseException as error:  # noqa: BLE001 - nothing may unwind into the parent's frames
            # The traceback's lines of code are ours; the message may quote the configuration, so it stays out.
            frames = "".join(traceback.format_tb(error.__traceback__))
            self.log.error("the worker crashed", error=type(error).__name__, frames=frames)
            theirs.send("refused", reason=f"the worker crashed at its start: {type(error).__name__}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
