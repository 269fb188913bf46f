"""Files and links that appear whole or not at all, and the faults of a disk that is full."""

import contextlib
import errno
import os
import secrets
from pathlib import Path

TEMPORARY = ".tmp-"
# Limits and faults of the disk are waited out, since `current` stays readable. Any other error is a bug or a broken
# installation and ends the process.
DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})


def disk_fault(error: OSError) -> str | None:
    """Return what is wrong with the disk.

    Raises:
        OSError: ``error`` itself, where the disk is not at fault.
    """
    if error.errno not in DISK_FAULTS:
        raise error
    return error.strerror


def temporary_name() -> str:
    """Return a name that no other writer uses and that start-up removes."""
    return TEMPORARY + secrets.token_hex(8)


def write_file(path: Path, data: bytes, *, mode: int = 0o640) -> None:
    """Write a new file and make it durable.

    Raises:
        FileExistsError: there is a file at ``path``.
        OSError: the disk is full or faulty.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - takes over a descriptor
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def flush_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file's content in one step, without fsync: for files that are rewritten every few seconds.

    Raises:
        OSError: the disk is full or faulty; the old file is as it was.
    """
    temporary = path.with_name(temporary_name())
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - takes over a descriptor
            file.write(data)
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        raise
