"""The shelf: large files, each once under its digest, which revisions have as hard links.

A file is checked when it comes and when a revision takes it. What no revision has any more is removed after an hour,
which leaves time for a revision that is still being fetched.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from routeiq_syncd.configuration.bundle import Entry
from routeiq_syncd.errors import TooLongError
from routeiq_syncd.volume.atomic import TEMPORARY, flush_directory, remove, temporary_name

OBJECTS = "objects"
UNUSED_SECONDS = 3600
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV})


class Shelf:
    """The directory ``objects`` of the volume at ``root``."""

    def __init__(self, root: Path) -> None:
        self._directory = root / OBJECTS

    def holds(self, sha256: str, size: int) -> bool:
        """Whether a file of this content is at hand; it then stays for an hour at least."""
        path = self._directory / sha256
        try:
            found = path.stat()
            os.utime(path)
        except OSError:
            return False
        return found.st_size == size

    def put(self, pieces: Iterator[bytes], limit: int) -> tuple[str, int]:
        """Write a file; return its hex sha256 and its size in bytes.

        Raises:
            OSError: the disk is full or faulty.
            TooLongError: more than ``limit`` bytes came.
        """
        self._directory.mkdir(mode=0o750, exist_ok=True)
        temporary = self._directory / temporary_name()
        digest, size = hashlib.sha256(), 0
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o440)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - takes over a descriptor
                for piece in pieces:
                    size += len(piece)
                    if size > limit:
                        raise TooLongError
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(descriptor)
            temporary.rename(self._directory / digest.hexdigest())
            flush_directory(self._directory)
        except BaseException:
            remove(temporary)
            raise
        return digest.hexdigest(), size

    def open(self, sha256: str) -> BinaryIO:
        """Open a file that is at hand.

        Raises:
            OSError: it is not, or cannot be read now.
        """
        return (self._directory / sha256).open("rb")

    def drop(self, sha256: str) -> None:
        """Remove a file that no revision may have; an empty ``sha256`` names none."""
        if sha256:
            remove(self._directory / sha256)

    def lay(self, entry: Entry, target: Path) -> None:
        """Put the file of ``entry`` at ``target``, as a hard link where the file system has such.

        Raises:
            OSError: the file is not at hand, is not what its name says, or the disk is full or faulty.
        """
        source = self._directory / entry.sha256
        with source.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                self.drop(entry.sha256)
                raise OSError(errno.EIO, f"{entry.path} was damaged on the disk, and is fetched anew")
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            shutil.copyfile(source, target)
            with target.open("rb") as file:
                os.fsync(file.fileno())

    def tidy(self) -> None:
        """Remove what no revision has and nobody asked for within an hour, and what killed writers left."""
        with contextlib.suppress(OSError):
            for path in self._directory.iterdir():
                found = path.lstat()
                left = path.name.startswith(TEMPORARY) or found.st_nlink == 1
                if left and time.time() - found.st_mtime > UNUSED_SECONDS:
                    remove(path)
