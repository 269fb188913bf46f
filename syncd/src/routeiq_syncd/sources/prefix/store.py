"""What an object store has to do for a prefix, and the shelf that large files are put on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from routeiq_syncd.configuration.content.names import Object
from routeiq_syncd.revision.pointer import Pointer


class StoreError(Exception):
    """The store could not be read; the message is a sentence without secrets."""


class MovedError(Exception):
    """The object is not there any more in the version that was asked for."""


@dataclass(frozen=True)
class Opened:
    """An object on its way: the store's name of its version, None for none, and its bytes, piece by piece."""

    version_id: str | None
    pieces: Iterator[bytes]


class ObjectStore(Protocol):
    """A store whose answers are bound to versions. Each call blocks for a bounded time."""

    @property
    def kind(self) -> str:
        """The store's name in manifests, such as ``s3``."""

    def list(self, bucket: str, prefix: str, most: int) -> tuple[Object, ...]:
        """Return the objects whose keys begin with ``prefix``, by key; at most ``most`` + 1 of them.

        Raises:
            StoreError: the store cannot be read now.
        """

    def open(self, pointer: Pointer, size: int) -> AbstractContextManager[Opened]:
        """Begin to read the object at exactly the version of ``pointer``, expected to have ``size`` bytes.

        Raises:
            MovedError: the version is not there, or not the object's present one.
            StoreError: the store cannot be read now.
        """


class Shelf(Protocol):
    """Where large files lie, each under its digest, for revisions to share."""

    def holds(self, sha256: str, size: int) -> bool:
        """Whether a file of this content is at hand."""

    def put(self, pieces: Iterator[bytes], limit: int) -> tuple[str, int]:
        """Write a file; return its hex sha256 and its size in bytes.

        Raises:
            OSError: the disk is full or faulty.
            TooLongError: more than ``limit`` bytes came.
        """

    def open(self, sha256: str) -> BinaryIO:
        """Open a file that is at hand.

        Raises:
            OSError: it is not, or cannot be read now.
        """

    def drop(self, sha256: str) -> None:
        """Remove a file that no revision may have."""


KnownVersions = Callable[[], Iterator[tuple[Pointer, str, int]]]
"""Yields, for each file that a revision at hand fetched by pointer: its pointer, its hex sha256, its size in bytes."""
