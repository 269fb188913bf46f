"""Taking the files of a listing: what is at hand stays, and each other is fetched once at the version that was listed.

Small files come into memory, for the row of the database; all others go to the shelf piece by piece.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from routeiq_syncd.configuration.bundle import Entry
from routeiq_syncd.configuration.content.kinds import HEAD_BYTES, is_code
from routeiq_syncd.configuration.content.names import Object
from routeiq_syncd.errors import TooLongError
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.sources.prefix.looking import looked_into, what_loading_runs
from routeiq_syncd.sources.prefix.store import KnownVersions, MovedError, ObjectStore, Shelf


@dataclass(frozen=True)
class Taken:
    """A file that was fetched.

    Attributes:
        origin: the version that was fetched.
        sha256: of the content, in hex.
        size: in bytes.
        content: None where it is on the shelf.
        runs: what in it runs when it is loaded, None for nothing.
        program: whether it is code by its name or its content.
    """

    origin: Pointer
    sha256: str
    size: int
    content: bytes | None
    runs: str | None
    program: bool

    def entry(self, path: str) -> Entry:
        """Return the file as a manifest lists it at ``path``."""
        return Entry(path, self.size, self.sha256)


@dataclass(eq=False)
class Taker:
    """Fetches objects, and remembers those of the last listing.

    Attributes:
        known: what revisions on the volume fetched before this process started; asked once.
    """

    store: ObjectStore
    shelf: Shelf
    known: KnownVersions
    _taken: dict[Object, Taken] = field(default_factory=dict)
    _earlier: dict[Object, tuple[Pointer, str]] | None = None

    def take(self, item: Object, path: str, *, shelved: bool) -> Taken:
        """Return an object's file, on the shelf where ``shelved``, else in memory.

        Raises:
            MovedError: the object was overwritten or removed since it was listed.
            OSError: the disk is full or faulty.
            StoreError: the store cannot be read now.
        """
        before = self._taken.get(item)
        if before is None or not self._at_hand(before, shelved=shelved):
            before = self._look_up(item, path) if shelved else None
        self._taken[item] = taken = before or self._fetch(item, path, shelved=shelved)
        return taken

    def keep(self, items: Mapping[str, Object]) -> None:
        """Forget all objects but ``items``."""
        kept = set(items.values())
        self._taken = {item: taken for item, taken in self._taken.items() if item in kept}

    def discard(self, items: Mapping[str, Object]) -> None:
        """Remove from the shelf what was refused, unless a revision has it as well."""
        had = {sha256 for _pointer, sha256, _size in self.known()}
        for item in items.values():
            taken = self._taken.get(item)
            if taken is not None and taken.content is None and taken.sha256 not in had:
                self.shelf.drop(taken.sha256)

    def _at_hand(self, taken: Taken, *, shelved: bool) -> bool:
        return self.shelf.holds(taken.sha256, taken.size) if shelved else taken.content is not None

    def _look_up(self, item: Object, path: str) -> Taken | None:
        """Return what a revision on the volume has of this very version."""
        if self._earlier is None:
            self._earlier = {
                Object(origin.bucket, origin.key, size, origin.etag): (origin, sha256)
                for origin, sha256, size in self.known()
                if origin.etag is not None
            }
        origin, sha256 = self._earlier.get(item, (None, ""))
        if origin is None or not self.shelf.holds(sha256, item.size):
            return None
        return self._looked_at(origin, sha256, item.size, path)

    def _looked_at(self, origin: Pointer, sha256: str, size: int, path: str) -> Taken:
        with self.shelf.open(sha256) as file:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            return Taken(origin, sha256, size, None, what_loading_runs(file), is_code(path, head))

    def _fetch(self, item: Object, path: str, *, shelved: bool) -> Taken:
        asked = Pointer(item.bucket, item.key, None, item.etag)
        try:
            with self.store.open(asked, item.size) as opened:
                origin = Pointer(item.bucket, item.key, opened.version_id, item.etag)
                if shelved:
                    sha256, size = self.shelf.put(opened.pieces, item.size)
                    content = None
                else:
                    content = _gathered(opened.pieces, item.size)
                    sha256, size = hashlib.sha256(content).hexdigest(), len(content)
        except TooLongError:
            raise MovedError(item.key) from None
        if size != item.size:
            raise MovedError(item.key)
        if content is None:
            return self._looked_at(origin, sha256, size, path)
        return Taken(origin, sha256, size, content, looked_into(content), is_code(path, content))


def _gathered(pieces: Iterator[bytes], limit: int) -> bytes:
    """Return the pieces as one.

    Raises:
        TooLongError: more than ``limit`` bytes came.
    """
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > limit:
            raise TooLongError
    return bytes(content)
