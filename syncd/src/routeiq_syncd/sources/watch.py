"""The watch on the directories of a file source, so that a change is taken at once and not at the next poll."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.sources.file import FileSource

GAP_SECONDS = 0.2
LOOK_SECONDS = 1.0
"""How often the directories themselves are looked at."""


async def watch(
    source: FileSource, nudge: Callable[[], None], liveness: Liveness, log: Log, *, interval: float
) -> None:
    """Call ``nudge`` when an entry changes in a directory that the source depends on, until cancelled.

    The directories are watched by inode. One that is replaced, or that the configuration newly draws in, is noticed
    within `LOOK_SECONDS`, or ``interval`` seconds where that is less. The next poll finds what the watch misses, such
    as changes on a network file system.
    """
    from watchfiles import awatch  # noqa: PLC0415 - only this source needs it
    from watchfiles._rust_notify import WatchfilesRustInternalError  # noqa: PLC0415 - as above

    trouble = False

    while True:
        liveness.report("watch", within=interval)
        places = _inodes(source.watched)
        if not places:
            await asyncio.sleep(interval)
            continue
        nudge()  # for changes from before the watch began
        try:
            async for changes in awatch(
                *places,
                watch_filter=None,
                recursive=False,
                rust_timeout=max(100, int(min(interval, LOOK_SECONDS) * 1000)),
                yield_on_timeout=True,
                debounce=400,
            ):
                liveness.report("watch", within=interval)
                if changes:
                    nudge()
                    await asyncio.sleep(GAP_SECONDS)
                if _inodes(source.watched) != places:
                    break
            trouble = False
        except FileNotFoundError:  # a directory went between the look and the watch
            pass
        except (OSError, RuntimeError, WatchfilesRustInternalError) as error:
            # Most likely the node's inotify watches are used up, or its threads; polling goes on without.
            if not trouble:
                log.warning("not watching, polling only", reason=type(error).__name__)
            trouble = True
            await asyncio.sleep(interval)
        await asyncio.sleep(GAP_SECONDS)


def _inodes(directories: frozenset[Path]) -> dict[Path, tuple[int, int]]:
    found = {}
    for directory in directories:
        with contextlib.suppress(OSError):
            at = directory.stat()
            found[directory] = (at.st_dev, at.st_ino)
    return found
