"""What every object store is, whatever client it wraps: objects, each read at one version, and the list of a prefix.

A store may answer anything, and whatever that leads to is a value below: no error leaves a `Store`. A **token** is what
tells the present version of an object from another for the store that gave it; a `Version` names one version of it.
"""

from dataclasses import dataclass
from typing import BinaryIO, Protocol

from routeiq_syncd.revision.fetched import Failed, Unchanged


@dataclass(frozen=True)
class Version:
    """The names of one version of an object, None for those that the store does not give.

    Attributes:
        version_id, etag: of S3.
        generation: of Google Cloud Storage.
    """

    version_id: str | None = None
    etag: str | None = None
    generation: str | None = None


@dataclass(frozen=True)
class Wanted:
    """A question for an object.

    Attributes:
        key: of the object.
        limit: the most bytes that are taken.
        unless: a token; the answer is `Unchanged` where the present version still has it.
        only: the version that is read and no other, None for the present one.
        seconds: the most that the body may take, None for what the store's client allows.
    """

    key: str
    limit: int
    unless: str | None = None
    only: Version | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Taken:
    """The object was read whole; ``token`` is None where the store names no version of it."""

    version: Version
    token: str | None


@dataclass(frozen=True)
class TooLarge:
    """The object has more bytes than the limit; ``size`` in bytes, None where reading stopped at the limit."""

    size: int | None
    token: str | None


@dataclass(frozen=True)
class Compressed:
    """The object is stored compressed, so that its bytes are not its content."""

    token: str | None


@dataclass(frozen=True)
class Gone:
    """The version that was wanted is no longer there, or no longer the present one; ``message`` is a sentence."""

    message: str


@dataclass(frozen=True)
class Entry:
    """One object of a list: its key, its bytes, and the names of its present version as far as the list tells them."""

    key: str
    size: int
    version: Version


@dataclass(frozen=True)
class Listing:
    """The objects below a prefix, in byte order of their keys; ``whole`` is false where there are more than wanted."""

    entries: tuple[Entry, ...]
    whole: bool


Answer = Taken | Unchanged | TooLarge | Compressed | Gone | Failed


class Store(Protocol):
    """A bucket. Both calls block for a bounded time, and one runs at a time."""

    @property
    def kind(self) -> str:
        """``s3`` or ``gcs``."""

    @property
    def bucket(self) -> str:
        """The name of the bucket."""

    def location(self, key: str) -> str:
        """Return where the object ``key`` is, for people; without credentials."""

    def read(self, wanted: Wanted, sink: BinaryIO) -> Answer:
        """Read one object at one version and write its bytes to ``sink``, which count only if the answer is `Taken`."""

    def list(self, prefix: str, most: int) -> Listing | Failed:
        """List at most ``most`` objects whose keys begin with ``prefix``, however many requests that takes."""
