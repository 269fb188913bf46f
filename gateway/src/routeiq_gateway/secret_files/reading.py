"""Secret files, read: a value for each name, or one sentence for each file that cannot be used."""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from routeiq_gateway.configuration.harmless import shown_text

MOST_FILES = 1000
MOST_BYTES = 64 * 1024
"""Bytes of one value: the kernel hands a program that LiteLLM starts no variable of twice as many."""
MOST_BYTES_TOGETHER = 1024 * 1024
"""Bytes of all values: as many as a Kubernetes Secret holds."""
MOST_TOLD = 5
SETTING = "ROUTEIQ_SECRETS_DIR"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
SHORT_NAME = re.compile(r"[\w.-]{1,16}", re.ASCII)
UNREADABLE = "mend it or remove it"

Fixed = Callable[[str], str | None]
"""Returns why the variable of this name cannot come from a file, None for one that can."""
Signs = tuple[object, ...]
"""What tells that a file or a directory has changed; equal for what has not."""


class BadSecretsError(ValueError):
    """The secret files cannot be used; the message names directories and files, and no value."""


def signs_of(directories: Sequence[Path]) -> Signs:
    """Return what tells that the files in ``directories`` have changed, without reading one."""
    signs: list[object] = []
    for directory in directories:
        try:
            names = _names(directory)
        except OSError as error:
            signs.append((directory, error.errno))
            continue
        for name in names:
            try:
                found = (directory / name).stat()
            except OSError as error:
                signs.append((directory, name, error.errno))
            else:
                mode, times = found.st_mode, (found.st_mtime_ns, found.st_ctime_ns)
                signs.append((directory, name, found.st_dev, found.st_ino, found.st_size, mode, *times))
    return tuple(signs)


def read_secrets(directories: Sequence[Path], fixed: Fixed) -> dict[str, str]:
    """Return the value of each file in ``directories`` by its name; line breaks at its end are cut.

    Names that begin with a dot are left out, and so are directories: Kubernetes keeps its own there.

    Args:
        directories: where the files are; links are followed.
        fixed: says which variables cannot come from a file.

    Raises:
        BadSecretsError: a directory or a file cannot be used, or there is too much of them.
    """
    values: dict[str, str] = {}
    found: dict[str, Path] = {}
    problems: list[str] = []
    for directory in directories:
        try:
            names = _names(directory)
        except OSError as error:
            problems.append(f"{directory}: {error.strerror}; mount it, or correct the setting")
            continue
        for name in names:
            path = directory / name
            try:
                if stat.S_ISDIR(path.stat().st_mode):
                    continue
                if name in found:
                    raise BadSecretsError(f"is in {found[name].parent} too; keep one of the two")
                found[name] = path
                values[name] = _value(path, fixed)
            except OSError as error:
                problems.append(f"{_shown(path)}: {error.strerror}; {UNREADABLE}")
            except BadSecretsError as error:
                problems.append(f"{_shown(path)}: {error}")
    problems += _too_much(values)
    if problems:
        more = len(problems) - MOST_TOLD
        told = "; ".join(problems[:MOST_TOLD])
        raise BadSecretsError(f"{SETTING}: {told}" + (f"; and {more} more" if more > 0 else ""))
    return values


def _names(directory: Path) -> list[str]:
    return sorted(name for name in os.listdir(directory) if not name.startswith("."))  # noqa: PTH208 - names are wanted


def _value(path: Path, fixed: Fixed) -> str:
    if not NAME.fullmatch(path.name):
        raise BadSecretsError(
            "a file is named after its variable: letters, digits and _, no digit first; rename it or remove it"
        )
    if reason := fixed(path.name):
        raise BadSecretsError(reason)
    with _opened(path) as file:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise BadSecretsError("expected a file; remove it")
        content = _read(file)
    if len(content) > MOST_BYTES:
        raise BadSecretsError(f"longer than {MOST_BYTES} bytes, the most that a variable may have; shorten it")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadSecretsError(f"not UTF-8; {UNREADABLE}") from None
    if not text:
        raise BadSecretsError("empty; write the value, or remove the file where the variable is not wanted")
    if "\0" in text:
        raise BadSecretsError(f"holds a zero byte, which no variable can; {UNREADABLE}")
    return text


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file, which may turn out to be a pipe that nobody writes to: it must not be waited for."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _read(file: int) -> bytes:
    content = b""
    while len(content) <= MOST_BYTES and (piece := os.read(file, MOST_BYTES + 1)):
        content += piece
    return content


def _too_much(values: dict[str, str]) -> Iterator[str]:
    if len(values) > MOST_FILES:
        yield f"{len(values)} files, at most {MOST_FILES}; remove some"
    if (size := sum(len(text.encode()) for text in values.values())) > MOST_BYTES_TOGETHER:
        yield f"the files have {size} bytes together, at most {MOST_BYTES_TOGETHER}; remove some"


def _shown(path: Path) -> str:
    """Return the path of a file; a long name that no variable has may be a key that was pasted, and is hidden."""
    plain = NAME.fullmatch(path.name) or SHORT_NAME.fullmatch(path.name)
    return str(path if plain else path.with_name(shown_text(path.name)))
