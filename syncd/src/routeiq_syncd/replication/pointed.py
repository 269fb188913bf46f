"""The content that a revision points to: each replica fetches it by itself, beside the loop that follows.

The loop goes on looking meanwhile: a store that hangs delays neither the lease nor a later revision. One fetch runs at
a time, so the content is in memory once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bounds, Bundle
from routeiq_syncd.revision.fetched import Failed, Fetched
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.turns.pace import Retry, spread
from routeiq_syncd.runtime.turns.waiting import NoThreadError, abandonable
from routeiq_syncd.sources.object import ObjectSource
from routeiq_syncd.sources.stores import open_store

SPREAD_SECONDS = 2.0
LONG_SECONDS = 60.0


def own_moment() -> float:
    """Return the seconds that this replica waits, so that a fleet does not ask the store all at once."""
    return spread(0, SPREAD_SECONDS)


@dataclass(eq=False)
class PointedFetcher:
    """Fetches the content of one revision.

    Attributes:
        done: called when a fetch has ended.
        pause: returns the seconds to wait before the store is asked.
        emulator: as `open_store` takes it.
    """

    done: Callable[[], None]
    clock: Clock
    pause: Callable[[], float] = own_moment
    emulator: str | None = None

    def __post_init__(self) -> None:
        self._task: asyncio.Task[Bundle | str] | None = None
        self._number: int | None = None
        self._reason: str | None = None
        self._retry = Retry(self.clock)
        self._began = 0.0

    def content(self, manifest: Manifest, pointer: Pointer) -> Bundle | str | None:
        """Return the content, the sentence why it cannot be fetched, or None during the first fetch of ``manifest``."""
        if self._task is not None and not self._task.done():
            if self.clock() - self._began > LONG_SECONDS:
                return f"Revision {manifest.number} travels by pointer, and the store has not answered; waiting on."
            return self._reason if manifest.number == self._number else None
        ended, self._task = self._task, None
        if manifest.number != self._number:
            self._number, self._reason = manifest.number, None
            self._retry = Retry(self.clock)
        elif ended is not None:
            self._retry.put_off()
            outcome = ended.result()
            if isinstance(outcome, Bundle):
                return outcome
            self._reason = outcome
        if self._retry.due():
            self._began = self.clock()
            self._task = asyncio.create_task(self._fetch(manifest, pointer))
            self._task.add_done_callback(lambda _task: self.done())
        return self._reason

    def forget(self) -> None:
        """Let go of content that was fetched and is not wanted."""
        if self._task is not None and self._task.done():
            self._task = None

    async def _fetch(self, manifest: Manifest, pointer: Pointer) -> Bundle | str:
        await asyncio.sleep(self.pause())
        size = sum(entry.size for entry in manifest.files)
        if size > Bounds().file_bytes:
            return f"Revision {manifest.number} points to {size} bytes; at most {Bounds().file_bytes} are taken."
        source = ObjectSource(open_store(pointer.kind, pointer.bucket, self.emulator), pointer.key, size)
        try:
            fetched = await abandonable(lambda: source.fetch_version(pointer))
        except NoThreadError as error:
            fetched = Failed(f"{source.location} was not asked: {error.strerror}.")
        match fetched:
            case Fetched(bundle) if bundle.digest == manifest.digest:
                return bundle
            case Failed(message):
                return f"Revision {manifest.number} travels by pointer and cannot be fetched. {message}"
            case _:
                return f"What revision {manifest.number} points to does not have the content that its digest names."
