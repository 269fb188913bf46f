"""What a configuration on disk draws in beside the files that it includes: modules of Python, packages, further files.

A module comes with the modules beside the configuration that it imports, and a package comes whole, since what it
imports of itself, and the data that it reads, stand in no import. Names that begin with a dot, which shells leave out
as well, and what Python compiles are no part of it.
"""

import posixpath
from collections import deque
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from routeiq_syncd.configuration.modules import imported_modules
from routeiq_syncd.sources.reading import Reading

INIT = "__init__.py"
ANY_DEPTH = "**"
COMPILED = "__pycache__"
SETTING = "ROUTEIQ_CONFIG_FILES"


def draw_in_files(reading: Reading, patterns: Iterable[str]) -> list[str]:
    """Read the files that fit the patterns, and return their paths; a pattern that fits none is a problem.

    Raises:
        UnreadableError: a file is there and cannot be read.
    """
    drawn: dict[str, None] = {}
    for pattern in patterns:
        found = _fitting(reading, pattern)
        drawn |= dict.fromkeys(found)
        if not found and not reading.over():
            message = f"no file beside the configuration fits this pattern of {SETTING}"
            reading.refuse(pattern, f"{message}; put one there, or correct the pattern")
    return list(drawn)


def draw_in_modules(reading: Reading, names: Iterable[str], drawn: Iterable[str]) -> None:
    """Read the modules of ``names`` and all that they import, as far as they are beside the configuration.

    Args:
        reading: the pass over the files.
        names: of modules, such as ``hooks.audit``.
        drawn: the paths of files that were drawn in before, whose imports count as well.

    Raises:
        UnreadableError: a file is there and cannot be read.
    """
    waiting = deque(sorted(names))
    seen, searched = set(waiting), set[str]()

    def search(path: str) -> None:
        content = reading.read(path)
        if isinstance(content, bytes) and path.endswith(".py") and path not in searched:
            searched.add(path)
            found = imported_modules(path, content) - seen
            seen.update(found)
            waiting.extend(sorted(found))

    for path in drawn:
        search(path)
    while waiting and not reading.over():
        for path in _files_of(reading, waiting.popleft()):
            search(path)


def _files_of(reading: Reading, name: str) -> Iterator[str]:
    """Yield the paths of the files of the module ``name``: its own, and the whole of the package that holds it."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        package = "/".join(parts[:length])
        if reading.read(f"{package}/{INIT}") is not None:
            yield from _below(reading, package)
            break
    yield "/".join(parts) + ".py"


def _fitting(reading: Reading, pattern: str) -> list[str]:
    """Return the paths of the files that fit ``pattern``; ``**`` stands for directories at any depth."""
    found = dict[str, None]()
    seen = set[tuple[str, int]]()
    parts = pattern.split("/")

    def look(directory: str, at: int) -> None:
        if (directory, at) in seen or reading.over():
            return
        seen.add((directory, at))
        last, part = at == len(parts) - 1, parts[at]
        if part == ANY_DEPTH:
            if last:
                found.update(dict.fromkeys(_below(reading, directory)))
                return
            look(directory, at + 1)
        for name in _named(reading, directory, dotted=part.startswith(".")):
            path, deeper = posixpath.join(directory, name), part == ANY_DEPTH
            fits = deeper or fnmatchcase(name, part)
            if not fits or reading.over() or reading.is_config(path):
                continue
            if last and not reading.is_directory(path):
                reading.read(path)
                found[path] = None
            elif not last and reading.is_directory(path):
                look(path, at if deeper else at + 1)

    look("", 0)
    return list(found)


def _below(reading: Reading, directory: str) -> Iterator[str]:
    """Read and yield each file below ``directory``."""
    for name in _named(reading, directory, dotted=False):
        path = posixpath.join(directory, name)
        if reading.over() or reading.is_config(path):
            continue
        if reading.is_directory(path):
            yield from _below(reading, path)
        else:
            reading.read(path)
            yield path


def _named(reading: Reading, directory: str, *, dotted: bool) -> list[str]:
    names = reading.names(directory) or ()
    return [name for name in names if name != COMPILED and (dotted or not name.startswith("."))]
