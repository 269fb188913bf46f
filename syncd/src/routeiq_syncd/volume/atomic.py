"""Files and links that appear whole or not at all, and the faults of a disk that is full."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

TEMPORARY = ".tmp-"


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


def read_file(path: Path, limit: int) -> bytes:
    """Return up to ``limit`` + 1 bytes of a file.

    Raises:
        OSError: there is no file, or it cannot be read now.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - takes over a descriptor
        return file.read(limit + 1)


def read_present(path: Path, limit: int) -> bytes | None:
    """Return up to ``limit`` + 1 bytes of a file; None where there is no file to read."""
    try:
        return read_file(path, limit)
    except OSError:
        return None


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


def remove(path: Path) -> None:
    """Remove a file, a link or a tree; the next start removes what a faulty disk does not let go now."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def remove_leftovers(directory: Path) -> None:
    """Remove what a writer that was killed, or that found no descriptor, left under temporary names.

    Raises:
        OSError: the directory cannot be read now.
    """
    for path in directory.iterdir():
        if path.name.startswith(TEMPORARY):
            remove(path)
