"""What in a file runs when it is loaded: its head, and the heads of what an archive in it holds.

PyTorch stores a zip archive of pickles, NumPy one of arrays, and older PyTorch a tar archive. Members are read as far
as their heads and never written anywhere.
"""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from routeiq_syncd.configuration.content.kinds import HEAD_BYTES, what_runs

MOST_MEMBERS = 10_000
TAR_MARK, TAR_AT = b"ustar", 257
UNSEEN = "an archive that nobody can look into (encrypted, damaged, or of too many members)"


def looked_into(content: bytes) -> str | None:
    """Say the same of a content in memory."""
    return what_loading_runs(io.BytesIO(content))


def what_loading_runs(file: BinaryIO) -> str | None:
    """Say what in the file runs when it is loaded; None where nothing does.

    Raises:
        OSError: the file cannot be read now.
    """
    head = file.read(HEAD_BYTES)
    found = what_runs(head)
    if found is not None:
        return found
    try:
        if zipfile.is_zipfile(file):
            return _worst(_zip_heads(file))
        if head[TAR_AT : TAR_AT + len(TAR_MARK)] == TAR_MARK:
            return _worst(_tar_heads(file))
    except (zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError, ValueError, EOFError):
        return UNSEEN
    return None


def _worst(heads: Iterator[tuple[str, bytes]]) -> str | None:
    for count, (name, head) in enumerate(heads):
        if count >= MOST_MEMBERS:
            return UNSEEN
        found = what_runs(head)
        if found is not None:
            return f"an archive with {found} ({ascii(name)[1:-1][:60]})"
    return None


def _zip_heads(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as opened:
                    yield member.filename, opened.read(HEAD_BYTES)


def _tar_heads(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is not None:
                yield member.name, opened.read(HEAD_BYTES)
