"""The loops of ``run``: turns, the gateway's answers, the status file, the watch on a source's directories.

Each loop runs until it is cancelled. Each beats: it says by when it will have turned again, and `/livez` fails when
one has not.
"""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from routeiq_syncd.reconcile.reconciler import Now, Sync, Turn
from routeiq_syncd.revision.fetched import Failed, Fetch
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.runtime.waiting import Asked, completed, settle, woken
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.status.recorder import Board
from routeiq_syncd.volume.volume import Volume, VolumeUnusableError

FETCH_SECONDS = 60.0
WRITE_SECONDS = 120.0
BACKOFF_CAP_SECONDS = 15.0
JITTER = 0.1
ANSWER_SECONDS = 0.5
STATUS_SECONDS = 10.0
STATUS_GAP_SECONDS = 0.2
VOLUME_SECONDS = 1.0
WATCH_GAP_SECONDS = 0.2


class Heartbeats:
    """Until when each loop has said that it will have turned again; ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, grace: float = 10.0) -> None:
        self._clock = clock
        self._grace = grace
        self._due: dict[str, float] = {}

    def beat(self, loop: str, *, within: float) -> None:
        """Say that ``loop`` turns again within ``within`` seconds."""
        self._due[loop] = self._clock() + within + self._grace

    def forget(self, *loops: str) -> None:
        """Expect nothing more of loops that have ended."""
        for loop in loops:
            self._due.pop(loop, None)

    def late(self) -> tuple[str, ...]:
        """The loops that have not kept their word."""
        now = self._clock()
        return tuple(sorted(loop for loop, due in self._due.items() if now > due))


def delay(interval: float, failures: int, jitter: float) -> float:
    """Return the seconds until the next turn; ``jitter`` is from -1 to 1.

    It doubles with each failure in a row, up to the cap or the interval, whichever is longer.
    """
    base = min(interval * 2.0 ** min(failures, 30), max(interval, BACKOFF_CAP_SECONDS))
    return base * (1 + JITTER * jitter)


class Work(Protocol):
    """What a turn does."""

    @property
    def location(self) -> str:
        """Where the source is, for people."""

    def fetch(self) -> Fetch:
        """Ask the source; blocks, and may be abandoned."""

    async def apply(self, fetch: Fetch) -> Turn:
        """Carry out what the fetch calls for."""

    def current(self) -> Manifest | None:
        """What the volume holds."""


class Alone:
    """The turn of single mode, whose write is never abandoned."""

    def __init__(self, sync: Sync) -> None:
        self.location = sync.source.location
        self.fetch = sync.fetch
        self.current = sync.volume.current
        self._sync = sync

    async def apply(self, fetch: Fetch) -> Turn:
        """Materialise what was fetched."""
        return await completed(lambda: self._sync.apply(fetch))


class Poller:
    """Takes turns: by the clock, when nudged, and at once for those who ask and wait."""

    def __init__(
        self, work: Work, board: Board, heartbeats: Heartbeats, asked: Asked[Fetch], *, interval: float, now: Now
    ) -> None:
        self._work = work
        self._board = board
        self._heartbeats = heartbeats
        self._interval = interval
        self._now = now
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._asked = asked

    def nudge(self) -> None:
        """Take a turn now."""
        self._wake.set()

    async def turn_now(self) -> None:
        """Take a turn that begins after this call, and wait for its end."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        await done

    async def run(self) -> None:
        """Take turns until cancelled."""
        failures = 0
        waiting: list[asyncio.Future[None]] = []
        try:
            while True:
                self._wake.clear()
                waiting, self._waiting = self._waiting, []
                failures = 0 if await self._turn() else failures + 1
                settle(waiting)
                seconds = delay(self._interval, failures, random.uniform(-1, 1))  # noqa: S311 - spreads load, no secret
                self._heartbeats.beat("poll", within=seconds)
                await woken(self._wake, seconds)
        finally:
            settle([*waiting, *self._waiting])

    async def _turn(self) -> bool:
        """Take one turn; whether the source could be read."""
        began = stamp(self._now())
        self._heartbeats.beat("poll", within=FETCH_SECONDS)
        fetch = await self._fetch()
        self._heartbeats.beat("poll", within=WRITE_SECONDS)
        turn = await self._work.apply(fetch)
        self._board.turned(turn, began, self._work.current())
        return turn.read

    async def _fetch(self) -> Fetch:
        """Ask the source; one that hangs, in a name look-up for instance, is not asked a second time meanwhile."""
        fetch = await self._asked.ask(self._work.fetch, FETCH_SECONDS)
        if fetch is None:
            return Failed(f"{self._work.location} has not answered for {FETCH_SECONDS:g} s; waiting on.")
        return fetch


async def read_answers(volume: Volume, board: Board, heartbeats: Heartbeats) -> None:
    """Bring the gateway's answers to the board until cancelled."""
    seen = None
    while True:
        heartbeats.beat("answers", within=ANSWER_SECONDS)
        found = volume.answer_stamp()
        if found != seen:
            answer = volume.answer()
            if answer is not None:  # half an answer is asked for again
                seen = found
                board.answered(answer)
        await asyncio.sleep(ANSWER_SECONDS)


async def keep(volume: Volume, heartbeats: Heartbeats) -> None:
    """End the process once the volume is no longer the one it locked: another writer may be on it by now."""
    while not volume.lost():
        heartbeats.beat("volume", within=VOLUME_SECONDS)
        await asyncio.sleep(VOLUME_SECONDS)
    raise VolumeUnusableError(f"The volume {volume.root} was emptied or replaced.")


async def write_status(volume: Volume, board: Board, heartbeats: Heartbeats, log: Log) -> None:
    """Write `status.json` on every change and at least every `STATUS_SECONDS`, until cancelled."""
    trouble: str | None = None
    while True:
        heartbeats.beat("status", within=STATUS_SECONDS)
        board.changed.clear()
        fault = await completed(lambda: volume.write_status(status_bytes(board)))
        if fault is not None and fault != trouble:
            log.warning("status not written", reason=fault)
        trouble = fault
        await asyncio.sleep(STATUS_GAP_SECONDS)
        await woken(board.changed, STATUS_SECONDS - STATUS_GAP_SECONDS)


def status_bytes(board: Board) -> bytes:
    """The status document as `status.json` holds it."""
    return (json.dumps(board.document(), indent=1, ensure_ascii=False) + "\n").encode()


async def watch(source: FileSource, poller: Poller, heartbeats: Heartbeats, log: Log, *, interval: float) -> None:
    """Nudge the poller when an entry changes in a directory that the source depends on, until cancelled.

    The directories are watched by inode: one that is replaced, or that a new include brings, is noticed within
    ``interval`` seconds. What the watch misses, a network file system's changes for instance, the next turn finds.
    """
    from watchfiles import awatch  # noqa: PLC0415 - only this source needs it
    from watchfiles._rust_notify import WatchfilesRustInternalError  # noqa: PLC0415 - as above

    trouble = False

    while True:
        heartbeats.beat("watch", within=interval)
        places = _inodes(source.watched)
        if not places:
            await asyncio.sleep(interval)
            continue
        poller.nudge()  # what changed before the watch stood
        try:
            async for changes in awatch(
                *places,
                watch_filter=None,
                recursive=False,
                rust_timeout=max(100, int(interval * 1000)),
                yield_on_timeout=True,
                debounce=400,
            ):
                heartbeats.beat("watch", within=interval)
                if changes:
                    poller.nudge()
                    await asyncio.sleep(WATCH_GAP_SECONDS)
                if _inodes(source.watched) != places:
                    break
            trouble = False
        except FileNotFoundError:  # gone between the look and the watch
            pass
        except (OSError, WatchfilesRustInternalError) as error:
            # The node's inotify watches are used up, most likely; polling does without.
            if not trouble:
                log.warning("not watching, polling only", reason=type(error).__name__)
            trouble = True
            await asyncio.sleep(interval)
        await asyncio.sleep(WATCH_GAP_SECONDS)


def _inodes(directories: frozenset[Path]) -> dict[Path, tuple[int, int]]:
    found = {}
    for directory in directories:
        with contextlib.suppress(OSError):
            at = directory.stat()
            found[directory] = (at.st_dev, at.st_ino)
    return found


def utc_now() -> datetime:
    """The instant now, aware."""
    return datetime.now().astimezone()
