"""One pass over the files of a configuration on disk, bounded, and whether it saw them as of one moment.

A reader can meet a change half made: a ConfigMap swaps its `..data` link between the reads of two files, an editor
writes in place. So a path is resolved once and the file that it led to is read; every path is looked at again once all
files are read; and paths that go through one link must have led to one place.
"""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_syncd.configuration.bundle import CONFIG, MANIFEST, Bounds, inside, short, too_large
from routeiq_syncd.configuration.problem import Problem

ENTRIES = 20_000
"""The most entries of directories that are looked at."""
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
Identity = tuple[str, int, int, int, int, int]
Content = bytes | Problem | None  # of a file, the problem with it, or None where there is no file


class UnreadableError(Exception):
    """A file is there and cannot be read; the message is a sentence."""


@dataclass
class Reading:
    """What was read, with the identity of each file and directory at that time.

    Attributes:
        config: the configuration, which is `config.yaml` in the tree whatever its name is.
        found: the content at each path.
        listed: the names in each directory, None where there is no directory.
    """

    config: Path
    bounds: Bounds
    found: dict[str, Content] = field(default_factory=dict)
    listed: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    _over: bool = False
    _identities: dict[Path, Identity | None] = field(default_factory=dict)
    _led: dict[Path, set[str]] = field(default_factory=dict)
    _bytes: int = 0
    _files: int = 0
    _entries: int = 0

    def read(self, path: str, *, yaml: bool = False) -> Content:
        """Return the content of the file at ``path`` in the tree, or the problem with it; None without a file.

        Args:
            path: where the file is.
            yaml: whether the file is going to be parsed as YAML, for which its limit is lower.

        Raises:
            UnreadableError: the file is there and cannot be read.
        """
        if path not in self.found:
            content = self._read(path, yaml=yaml)
            if isinstance(content, bytes):
                self._bytes, self._files = self._bytes + len(content), self._files + 1
                self._over = self._bytes > self.bounds.bundle_bytes or self._files > self.bounds.files
            self.found[path] = _over_all(path, self.bounds) if self._over else content
        return self.found[path]

    def names(self, directory: str) -> tuple[str, ...] | None:
        """Return the names in ``directory`` of the tree, sorted; None where there is no directory that may be read.

        Raises:
            UnreadableError: the directory is there and cannot be read.
        """
        if directory not in self.listed:
            self.listed[directory] = self._names(directory)
        return self.listed[directory]

    def over(self) -> bool:
        """Whether a bound is exceeded, so that nothing more needs to be read."""
        return self._over

    def is_directory(self, path: str) -> bool:
        """Whether a directory is at ``path`` of the tree, or a link to one."""
        return self._place(path).is_dir()

    def is_config(self, path: str) -> bool:
        """Whether the configuration itself is at ``path``, under the name that it has on disk."""
        return self.config.parent / path == self.config

    def refuse(self, path: str, message: str) -> None:
        """Record a problem with what is at ``path``."""
        self.found[path] = Problem(path, None, message)

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems that were found."""
        return tuple(found for found in self.found.values() if isinstance(found, Problem))

    def steady(self) -> bool:
        """Whether every path still names what was read, unchanged, and each link led to one place.

        Raises:
            UnreadableError: the file system does not tell.
        """
        return all(len(places) == 1 for places in self._led.values()) and all(
            _identity(path) == identity for path, identity in self._identities.items()
        )

    def watched(self) -> frozenset[Path]:
        """Return the directories whose entries decide what another reading finds."""
        real = {Path(identity[0]).parent for identity in self._identities.values() if identity is not None}
        here = {self._place(directory) for directory, names in self.listed.items() if names is not None}
        return frozenset({place.parent for place in self._identities} | real | here)

    def fingerprint(self) -> dict[tuple[str, bool], str]:
        """Return what a later reading of the same paths is compared with; the flag tells a directory."""
        files = {(path, False): _mark(found) for path, found in self.found.items()}
        return files | {(directory, True): _mark_names(names) for directory, names in self.listed.items()}

    def same_as(self, fingerprint: dict[tuple[str, bool], str]) -> bool:
        """Compare without parsing: the same bytes at the same paths draw in the same files.

        Raises:
            UnreadableError: something is there and cannot be read.
        """
        return all(
            (_mark_names(self.names(path)) if directory else _mark(self.read(path))) == mark
            for (path, directory), mark in fingerprint.items()
        )

    def _place(self, path: str) -> Path:
        return self.config if path == CONFIG else self.config.parent / path

    def _look(self, path: str) -> Identity | None:
        """Take the identity of what is at ``path``, and remember where the link on the way to it led."""
        place = self._place(path)
        identity = self._identities[place] = _identity(place)
        if identity is not None and (through := _through(place, self.config.parent, identity[0])) is not None:
            self._led.setdefault(through[0], set()).add(through[1])
        return identity

    def _leads_out(self, identity: Identity) -> bool:
        return not Path(identity[0]).is_relative_to(os.path.realpath(self.config.parent))

    def _read(self, path: str, *, yaml: bool) -> Content:
        if path != CONFIG and (problem := _unfit(path)):
            return problem
        identity = self._look(path)
        if identity is None:
            return None
        if path == CONFIG:
            pass  # the operator named this very path, wherever it leads
        elif self._place(path) == self.config:
            return Problem(path, None, f"the configuration includes itself; a revision calls it {CONFIG}")
        elif self._leads_out(identity):
            message = "the file is a link that leads out of the configuration's directory; copy it there"
            return Problem(path, None, message)
        # Read where the path led when its identity was taken, so that no link can change in between.
        return _content(Path(identity[0]), path, self.bounds, yaml=yaml or path == CONFIG)

    def _names(self, directory: str) -> tuple[str, ...] | None:
        identity = self._look(directory)
        if identity is None or not Path(identity[0]).is_dir():
            return None
        if self._leads_out(identity):
            message = "the directory is a link that leads out of the configuration's directory; copy it there"
            self.refuse(directory, message)
            return None
        above = {os.path.realpath(place) for place in self._place(directory).parents}
        if directory and identity[0] in above:
            self.refuse(directory, "the directory is a link to a directory that holds it; remove the link")
            return None
        names = []
        try:
            with os.scandir(identity[0]) as entries:
                for entry in entries:
                    names.append(entry.name)
                    self._entries += 1
                    if self._entries > ENTRIES:
                        self._over = True
                        self.refuse(directory, f"with this directory more than {ENTRIES} names are to be looked at")
                        return None
        except OSError as error:
            raise UnreadableError(_sentence(self._place(directory), error)) from None
        return tuple(sorted(names))


def _unfit(path: str) -> Problem | None:
    """Say why no revision can hold a file at ``path``, where that is so."""
    if path.split("/", maxsplit=1)[0] in {CONFIG, MANIFEST}:
        message = f"nothing called {CONFIG} or {MANIFEST} can be included: the revision's own files have these names"
    elif inside(path) != path or not short(path):
        message = "a revision can hold no file of this name; rename it"
    else:
        return None
    return Problem(path[:80], None, message)


def _over_all(path: str, bounds: Bounds) -> Problem:
    message = f"with this file the configuration has more than {bounds.bundle_bytes} bytes or {bounds.files} files"
    return Problem(path, None, message)


def _mark(found: Content) -> str:
    match found:
        case bytes():
            return hashlib.sha256(found).hexdigest()
        case Problem():
            return found.text()
        case None:
            return ""


def _mark_names(names: tuple[str, ...] | None) -> str:
    return "" if names is None else "\0".join(("", *names))


def _through(place: Path, root: Path, real: str) -> tuple[Path, str] | None:
    """Return the directory that the first link on the way from ``root`` to ``place`` points into, and where it led.

    The files of a ConfigMap are links into `..data`, itself a link: if two files led to different places, they were
    read in the middle of a swap. None where there is no link, or another link follows.
    """
    for part in (*reversed([parent for parent in place.parents if root in parent.parents]), place):
        if part.is_symlink():
            target = part.parent / part.readlink()
            rest = f"/{target.name}" + (f"/{place.relative_to(part)}" if place != part else "")
            return (target.parent, real.removesuffix(rest)) if real.endswith(rest) else None
    return None


def _identity(place: Path) -> Identity | None:
    """Return a mark that changes with what is at ``place`` and with its content; None where nothing is.

    Raises:
        UnreadableError: the file system does not tell.
    """
    real = os.path.realpath(place)
    try:
        found = os.stat(real)  # noqa: PTH116 - `real` is a text
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise UnreadableError(_sentence(place, error)) from None
    return real, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _content(place: Path, path: str, bounds: Bounds, *, yaml: bool) -> Content:
    """Read the file at ``place``, which is ``path`` in the tree.

    Raises:
        UnreadableError: the file is there and cannot be read.
    """
    limit = bounds.config_bytes if yaml else bounds.file_bytes
    try:
        # Opening a device can have effects, and opening a pipe can block.
        if not stat.S_ISREG(place.stat().st_mode):
            return Problem(path, None, "only a regular file can be part of a configuration")
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - takes over a descriptor
            # As much room is taken as is asked for; a file that grows meanwhile is read again, being unsteady.
            data = file.read(min(limit, os.fstat(descriptor).st_size) + 1)
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise UnreadableError(_sentence(place, error)) from None
    return data if len(data) <= limit else too_large(path, None, limit, yaml=yaml)


def _sentence(place: Path, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{place} cannot be read: permission denied for this user."
    return f"{place} cannot be read: {error.strerror}."
