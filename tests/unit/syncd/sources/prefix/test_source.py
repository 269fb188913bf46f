"""When a prefix is taken: whatever a writer does between the calls of a fetch, what is taken is a state that rested."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.configuration.content.names import Object
from routeiq_syncd.revision.fetched import Fetched, Unsettled
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.sources.prefix.listing import Place
from routeiq_syncd.sources.prefix.source import PrefixSource
from routeiq_syncd.sources.prefix.store import MovedError, Opened
from routeiq_syncd.volume.shelf import Shelf

Files = dict[str, bytes]
CHANGES = st.tuples(st.sampled_from(["config.yaml", "a.txt", "b.txt"]), st.sampled_from([b"", b"{}", b"x" * 40, None]))


@dataclass
class Store:
    """A store in memory, which a writer changes before each call: by so many changes as ``writer`` says next."""

    writer: Iterator[list[tuple[str, bytes | None]]]
    now: float = 0.0
    files: Files = field(default_factory=lambda: {"config.yaml": b"{}", "a.txt": b"", "b.txt": b"x" * 40})
    history: list[tuple[float, Files]] = field(default_factory=list)
    kind: str = "s3"

    def act(self) -> None:
        """Let the writer go on; every state that the store is in is remembered, with the moment it began."""
        if not self.history:
            self.history.append((self.now, dict(self.files)))
        for path, content in next(self.writer, []):
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
            if self.files != self.history[-1][1]:
                self.history.append((self.now, dict(self.files)))

    def rested(self, seconds: float) -> list[Files]:
        """Return the states that lasted for so many seconds."""
        ends = [*(began for began, _files in self.history[1:]), self.now]
        return [files for (began, files), end in zip(self.history, ends, strict=True) if end - began >= seconds]

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def list(self, bucket: str, prefix: str, most: int) -> tuple[Object, ...]:
        """List what is there now."""
        self.act()
        return tuple(Object(bucket, prefix + path, len(data), etag(data)) for path, data in self.files.items())[:most]

    @contextlib.contextmanager
    def open(self, pointer: Pointer, size: int) -> Iterator[Opened]:  # noqa: ARG002 - a store may use the size
        """Read what is there now, if it is what is asked for.

        Raises:
            MovedError: it is not.
        """
        self.act()
        data = self.files.get(pointer.key.removeprefix("p/"))
        if data is None or etag(data) != pointer.etag:
            raise MovedError(pointer.key)
        yield Opened(None, iter([data]))


def etag(data: bytes) -> str:
    """The store's name of a content."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@given(st.lists(st.lists(CHANGES, max_size=2), max_size=12), st.integers(0, 60))
def test_whatever_is_taken_is_a_state_that_rested(
    changes: list[list[tuple[str, bytes | None]]], row_bytes: int
) -> None:
    """Never one on the way, nor files of two moments, in memory or on the shelf; or the prefix counts as changing."""
    with tempfile.TemporaryDirectory() as directory:
        store, shelf = Store(iter(changes)), Shelf(Path(directory))
        bounds = Bounds(row_bytes=row_bytes)
        place = Place("bucket", "p/")
        source = PrefixSource(store, place, bounds, shelf, lambda: iter(()), clock=lambda: store.now, pause=store.pause)
        for _ in range(2):
            fetch = source.fetch(None)
            if isinstance(fetch, Fetched):
                assert contents(fetch, shelf) in store.rested(place.settle)
                assert fetch.origins.keys() | fetch.bundle.files.keys() == {
                    entry.path for entry in fetch.bundle.entries
                }


def test_a_prefix_that_is_never_still_is_not_taken() -> None:
    """The fetch ends within its limit and says what is waited for; once the writer rests, it is taken."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store(iter([[("a.txt", b"x" * at)] for at in range(40)]))
        place = Place("bucket", "p/")
        source = PrefixSource(
            store, place, Bounds(), Shelf(Path(directory)), lambda: iter(()), clock=lambda: store.now, pause=store.pause
        )
        first = source.fetch(None)
        assert isinstance(first, Unsettled)
        assert "CONFIG_SETTLE_SECONDS" in first.message
        assert store.now < 15
        store.writer = iter(())
        taken = source.fetch(None)
        assert isinstance(taken, Fetched)
        assert source.fetch(taken.token).__class__.__name__ == "Unchanged"


def contents(fetch: Fetched, shelf: Shelf) -> Files:
    """What the bundle holds, wherever that is."""
    found = dict(fetch.bundle.files)
    for entry in fetch.bundle.entries:
        if entry.path not in found:
            with shelf.open(entry.sha256) as file:
                found[entry.path] = file.read()
    return found
