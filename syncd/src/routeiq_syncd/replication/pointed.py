"""The content that a revision points to: each replica fetches it by itself, beside the loop that follows.

That is the whole of the revision, or those of its files that its row does not hold; these go to the shelf of the
volume, and what an earlier revision has is not fetched again.

The loop goes on looking meanwhile: a store that hangs delays neither the lease nor a later revision. One fetch runs at
a time, so the content is in memory once.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bounds, Bundle, Entry
from routeiq_syncd.errors import TooLongError
from routeiq_syncd.revision.fetched import Failed, Fetched
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.turns.pace import Retry, spread
from routeiq_syncd.runtime.turns.waiting import NoThreadError, abandonable
from routeiq_syncd.sources.object import ObjectSource
from routeiq_syncd.sources.prefix.s3 import S3Objects
from routeiq_syncd.sources.prefix.store import MovedError, Shelf, StoreError
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
        shelf: where the files of a prefix go.
        done: called when a fetch has ended.
        pause: returns the seconds to wait before the store is asked.
        emulator: as `open_store` takes it.
    """

    shelf: Shelf
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

    def content(self, manifest: Manifest, pointer: Pointer | Bundle) -> Bundle | str | None:
        """Return the content, the sentence why it cannot be fetched, or None during the first fetch of ``manifest``.

        Args:
            manifest: of the revision.
            pointer: to the whole of it, or the bundle that lacks the files which ``manifest`` names the origin of.
        """
        if isinstance(pointer, Bundle) and not self._missing(manifest):
            return pointer
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

    def _missing(self, manifest: Manifest) -> dict[Entry, Pointer]:
        """Return the files that are not at hand, and where they are."""
        pointed = {entry: manifest.origins.get(entry.path) for entry in manifest.files}
        return {
            entry: origin
            for entry, origin in pointed.items()
            if origin is not None and not self.shelf.holds(entry.sha256, entry.size)
        }

    async def _fetch(self, manifest: Manifest, pointer: Pointer | Bundle) -> Bundle | str:
        await asyncio.sleep(self.pause())
        if isinstance(pointer, Bundle):
            try:
                fault = await abandonable(lambda: self._fetch_files(manifest))
            except NoThreadError as error:
                fault = f"The store was not asked: {error.strerror}."
            return pointer if fault is None else f"Revision {manifest.number} cannot be fetched. {fault}"
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

    def _fetch_files(self, manifest: Manifest) -> str | None:
        """Put the files that are not at hand on the shelf; return why that failed, None where it did not."""
        store = S3Objects()
        for entry, origin in self._missing(manifest).items():
            if origin.kind != store.kind:
                return f"A file lies in a store of the kind '{origin.kind}', which this release cannot read by parts."
            place = f"s3://{origin.bucket}/{origin.key}"
            try:
                with store.open(origin, entry.size) as opened:
                    sha256, _size = self.shelf.put(opened.pieces, entry.size)
            except StoreError as error:
                return str(error)
            except MovedError:
                return f"The version of {place} is gone: the object was overwritten, or it expired."
            except TooLongError:
                sha256 = ""
            except OSError as error:
                return f"The volume did not take {place} ({error.strerror or type(error).__name__}); it is tried again."
            if sha256 != entry.sha256:
                self.shelf.drop(sha256)
                return f"{place} does not have the content that its digest names."
        return None
