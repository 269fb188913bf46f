"""Query engines end with their worker, whatever ended the worker.

Where LiteLLM has a database, each worker starts Prisma's query engine, and ends it as the worker exits. A worker that
is killed cannot do that. The parent is a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), as stock LiteLLM's
supervising process is: the engine of a dead worker becomes the parent's child, and the parent never starts an engine.
"""

import contextlib
import importlib
import os
import signal
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

GRACE_SECONDS = 10.0
"""After SIGTERM an engine finishes its statements; past this it is killed."""


@dataclass
class QueryEngines:
    """The engines that the parent has been left with.

    Attributes:
        ending: when each is killed, in monotonic seconds, by its process id.
    """

    ending: dict[int, float] = field(default_factory=dict)

    def adopt(self) -> None:
        """Become the parent of what dead workers leave behind."""
        _reaper().set_child_subreaper()

    def end(self, now: float) -> None:
        """Send SIGTERM to each engine that a dead worker has left, and SIGKILL to each that outlasts its grace.

        Args:
            now: monotonic seconds.
        """
        for pid in _reaper().list_orphaned_engine_pids(os.getpid()):
            asked = pid in self.ending
            if not asked:
                self.ending[pid] = now + GRACE_SECONDS
            if not asked or now > self.ending[pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if asked else signal.SIGTERM)

    def reap(self, workers: Collection[int]) -> None:
        """Reap children that ended and are no workers: engines, and whatever else a dead worker has left.

        Args:
            workers: process ids that somebody else reaps.
        """
        with contextlib.suppress(ChildProcessError):  # there is no child
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in workers:
                    return
                os.waitpid(ended.si_pid, 0)
                self.ending.pop(ended.si_pid, None)


def _reaper() -> Any:  # noqa: ANN401 - LiteLLM ships no types
    return importlib.import_module("litellm.proxy.db.query_engine_reaper")
