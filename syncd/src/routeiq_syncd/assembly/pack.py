"""The command ``pack``: the index of a directory that is going to be uploaded as a prefix."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from routeiq_syncd.configuration.bundle import CONFIG, Bounds, Entry, bound_problems, digest_of, make_partial
from routeiq_syncd.configuration.content.index import INDEX, write_index
from routeiq_syncd.configuration.content.names import is_part, name_problems, shown_name
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.control import arguments as cli
from routeiq_syncd.settings import read_limits
from routeiq_syncd.volume.atomic import replace_file


def pack(directory: Path) -> int:
    """Write the index of ``directory`` into it and print what it names; return the exit code.

    Raises:
        BadSettingsError: a setting that limits a bundle cannot be read.
    """
    bounds, _further, _environment = read_limits()
    entries, problems = list[Entry](), list[Problem]()
    try:
        for path, place in _files(directory):
            match _entry(path, place):
                case Entry() as entry:
                    entries.append(entry)
                case problem:
                    problems.append(problem)
        problems += _problems(entries, bounds)
        if problems:
            for problem in problems:
                cli.complain(problem.text())
            return cli.FAILED
        replace_file(directory / INDEX, write_index(entries))
    except OSError as error:
        cli.complain(f"{error.filename or directory} cannot be used: {error.strerror}.")
        return cli.FAILED
    size = sum(entry.size for entry in entries)
    cli.say(f"{directory / INDEX}: {len(entries)} files, {size} bytes, digest {digest_of(entries)}")
    return cli.DONE


def _files(directory: Path) -> Iterator[tuple[str, Path]]:
    """Yield path and place of each file below the directory; links are not followed.

    Raises:
        OSError: a directory cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for above, directories, names in os.walk(directory, onerror=fail):
        linked = [name for name in directories if (Path(above) / name).is_symlink()]
        for name in (*names, *linked):
            place = Path(above) / name
            path = place.relative_to(directory).as_posix()
            if is_part(path):
                yield path, place


def _entry(path: str, place: Path) -> Entry | Problem:
    """Return the file as the index lists it, or why it cannot be in one.

    Raises:
        OSError: the file cannot be read.
    """
    found = place.lstat()
    if not stat.S_ISREG(found.st_mode):
        message = "only a regular file can be part of a configuration, and no link; copy the file there"
        return Problem(shown_name(path), None, message)
    with place.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Entry(path, file.tell(), sha256)


def _problems(entries: list[Entry], bounds: Bounds) -> tuple[Problem, ...]:
    names = name_problems([entry.path for entry in entries])
    if names:
        return names
    if CONFIG not in {entry.path for entry in entries}:
        return (Problem(CONFIG, None, f"the directory holds no {CONFIG}; pack the directory that does"),)
    return bound_problems(make_partial(entries, {}), bounds)
