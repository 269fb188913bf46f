"""The source that is a prefix: a change of several objects is taken as one, or not at all.

A store has no transactions. Without an index, the prefix is taken when it has been still for a while: it is listed,
each object is fetched at the version that the list names, and the list is taken again; where it differs, nothing was
taken. With an index the files that it names are taken as soon as they are what it says, however the upload goes on.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from routeiq_syncd.configuration.bundle import CONFIG, Bounds, Bundle, Entry, make_partial
from routeiq_syncd.configuration.content.index import INDEX, read_index
from routeiq_syncd.configuration.content.names import Object, index_problems, shown_name, travels_in_row
from routeiq_syncd.configuration.includes import documents_in_order
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, YamlDocument, parse
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged, Unsettled
from routeiq_syncd.revision.manifest import (
    MANIFEST_BYTES,
    MOST_NUMBER,
    Manifest,
    Publisher,
    SourceVersion,
    write_manifest,
)
from routeiq_syncd.runtime.clocks import Clock, steady
from routeiq_syncd.sources.prefix.listing import CODE, RUNS, Listing, Place, file_problems, index_too_large, list_place
from routeiq_syncd.sources.prefix.store import KnownVersions, MovedError, ObjectStore, Shelf, StoreError
from routeiq_syncd.sources.prefix.taking import Taken, Taker

PATIENCE_SECONDS = 8.0
"""How long one fetch waits for a prefix to come to rest, beyond the time for which it has to be still."""
SHORTEST_SECONDS = 0.2
WAITING = "{} is being changed; it is taken when it has been still for {:g} s (CONFIG_SETTLE_SECONDS)."


@dataclass(eq=False)
class PrefixSource:
    """Reads a prefix of a store.

    Attributes:
        store: where the prefix is.
        place: its bucket and prefix, and what is taken.
        bounds: limits on what is read.
        shelf: where large files go.
        known: what revisions on the volume fetched earlier.
        pause: waits for so many seconds.
    """

    store: ObjectStore
    place: Place
    bounds: Bounds
    shelf: Shelf
    known: KnownVersions
    clock: Clock = steady
    pause: Callable[[float], None] = time.sleep
    _seen: tuple[str, float] = field(default=("", 0.0), init=False)
    _index: tuple[Object, tuple[Entry, ...] | Problem] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._taker = Taker(self.store, self.shelf, self.known)

    @property
    def kind(self) -> str:
        """The store's kind, such as ``s3``."""
        return self.store.kind

    @property
    def location(self) -> str:
        """Where the configuration is, such as ``s3://bucket/prefix/config.yaml``."""
        return f"{self.kind}://{self.place.bucket}/{self.place.prefix}{CONFIG}"

    def fetch(self, known: str | None) -> Fetch:
        """Read the prefix unless its token is ``known``, waiting a while for it to be still."""
        try:
            return self._fetch(known)
        except StoreError as error:
            return Failed(str(error))
        except OSError as error:
            fault = error.strerror or type(error).__name__
            return Failed(f"{self.location} was not fetched: the volume did not take a file ({fault}); it is retried.")

    def _fetch(self, known: str | None) -> Fetch:
        end = self.clock() + self.place.settle + PATIENCE_SECONDS
        while True:
            listing = list_place(self.store, self.place)
            if listing.token == known:
                return Unchanged()
            left = self.place.settle - self._still(listing.token)
            taken = self._attempt(listing, settled=left <= 0)
            if taken is not None:
                return taken
            wait = max(left, SHORTEST_SECONDS)
            if self.clock() + wait > end:
                return Unsettled(WAITING.format(self.location, self.place.settle))
            self.pause(wait)

    def _still(self, token: str) -> float:
        """Return for how many seconds the prefix has been seen in this state."""
        if self._seen[0] != token:
            self._seen = (token, self.clock())
        return self.clock() - self._seen[1]

    def _attempt(self, listing: Listing, *, settled: bool) -> Fetched | Unacceptable | None:
        """Take what the listing shows; None where it has to be still first, or changed meanwhile."""
        try:
            chosen = self._choose(listing)
            if not settled and (chosen is None or isinstance(chosen, Unacceptable)):
                return None
            if isinstance(chosen, Unacceptable):
                return chosen
            files = listing.files | listing.models if chosen is None else chosen
            refused = self._refused(listing, files)
            if refused:
                return Unacceptable(refused, listing.token) if settled else None
            taken = self._take(files)
            if chosen is not None and (lies := self._lies(taken)):
                return Unacceptable(lies, listing.token) if settled else None
            if (chosen is None or listing.models) and list_place(self.store, self.place).token != listing.token:
                return None
        except MovedError:
            return None
        if running := self._running(taken):
            self._taker.discard(files)
            return Unacceptable(running, listing.token)
        return self._fetched(listing, taken)

    def _choose(self, listing: Listing) -> dict[str, Object] | Unacceptable | None:
        """Return the files that the index names, or why it cannot be followed; None without an index.

        Raises:
            MovedError: the index was overwritten or removed.
            StoreError: the store cannot be read now.
        """
        index = listing.index
        if index is None:
            return None
        if self._index is None or self._index[0] != index:
            self._index = (index, index_too_large(index) or self._read_index(index))
        entries = self._index[1]
        if isinstance(entries, Problem):
            return Unacceptable((entries,), listing.token)
        sizes = {path: item.size for path, item in listing.files.items()}
        if missing := index_problems(entries, sizes):
            return Unacceptable(missing, listing.token)
        return {entry.path: listing.files[entry.path] for entry in entries} | listing.models

    def _read_index(self, index: Object) -> tuple[Entry, ...] | Problem:
        taken = self._taker.take(index, INDEX, shelved=False)
        return read_index(taken.content or b"")

    def _refused(self, listing: Listing, files: dict[str, Object]) -> tuple[Problem, ...]:
        return (*listing.problems, *file_problems(files, self.place, self.bounds))

    def _take(self, files: dict[str, Object]) -> dict[str, Taken]:
        self._taker.keep(files)
        inline = travels_in_row({path: item.size for path, item in files.items()}, self.bounds.row_bytes)
        return {path: self._taker.take(item, path, shelved=path not in inline) for path, item in files.items()}

    def _lies(self, taken: dict[str, Taken]) -> tuple[Problem, ...]:
        """Say which files are not what the index says they are."""
        entries = self._index[1] if self._index is not None else ()
        message = f"its content is not what {INDEX} says; upload the file that was packed, or pack anew"
        return tuple(
            Problem(shown_name(entry.path), None, message)
            for entry in (() if isinstance(entries, Problem) else entries)
            if taken[entry.path].sha256 != entry.sha256
        )

    def _running(self, taken: dict[str, Taken]) -> tuple[Problem, ...]:
        """Say which files are code, or run code when they are loaded, where that is not allowed."""

        def problems() -> Iterator[Problem]:
            for path, file in taken.items():
                if file.program and not self.place.allow_code:
                    yield Problem(shown_name(path), None, CODE)
                elif file.runs is not None and not self.place.allow_pickle:
                    yield Problem(shown_name(path), None, RUNS.format(file.runs))

        return tuple(problems())

    def _fetched(self, listing: Listing, taken: dict[str, Taken]) -> Fetched | Unacceptable:
        bundle = self._bundle(taken)
        version = SourceVersion(self.kind, self.location)
        origins = {path: file.origin for path, file in taken.items() if file.content is None}
        fullest = Manifest(MOST_NUMBER, bundle.digest, bundle.entries, version, Publisher("x" * 300), "", origins)
        if len(write_manifest(fullest)) > MANIFEST_BYTES:
            message = "the names of the files take too much room in the manifest; choose shorter ones, or fewer files"
            return Unacceptable((Problem(CONFIG, None, message),), listing.token)
        return Fetched(bundle, version, listing.token, together=True, origins=origins)

    def _bundle(self, taken: dict[str, Taken]) -> Bundle:
        """Return the bundle, with the content of small files and of all YAML files that the configuration includes."""
        files = {path: file.content for path, file in taken.items() if file.content is not None}
        parsed = dict[str, Parsed]()

        def load(path: str) -> Parsed | None:
            file = taken.get(path)
            if file is None:
                return None
            if file.size > self.bounds.config_bytes:
                parsed[path] = ()  # counts as YAML, for which the limit is lower
            elif path not in parsed:
                if path not in files:
                    with self.shelf.open(file.sha256) as opened:
                        files[path] = opened.read()
                parsed[path] = parse(path, files[path])
            return parsed[path]

        root = load(CONFIG)
        if isinstance(root, YamlDocument):
            documents_in_order(root, load, "{}")
        return make_partial((file.entry(path) for path, file in taken.items()), files, parsed)
