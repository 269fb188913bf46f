"""The file source: a configuration on disk, with the files that it draws in.

A reader can meet a change half made: a ConfigMap swaps its `..data` link between the reads of two files, an editor
writes in place. So a path is resolved once and the file that it led to is read; every path is looked at again once all
files are read; and paths that go through one link must have led to one place. If anything differs the read starts over.
"""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_syncd.configuration.bundle import CONFIG, Bounds, is_yaml, make_bundle, too_large
from routeiq_syncd.configuration.includes import documents_in_order, module_paths
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, YamlDocument, parse
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import SourceVersion

ATTEMPTS = 5
ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
Identity = tuple[str, int, int, int, int, int]
Content = bytes | Problem | None  # of a file, the problem with it, or None where there is no file


class _UnreadableError(Exception):
    """A file is there and cannot be read; the message is a sentence."""


@dataclass
class _Reading:
    """One pass over the files: the content at each path, and the identity of its file at that time."""

    config: Path
    bounds: Bounds
    found: dict[str, Content] = field(default_factory=dict)
    identities: dict[Path, Identity | None] = field(default_factory=dict)
    led: dict[Path, set[str]] = field(default_factory=dict)

    def read(self, path: str) -> Content:
        """Return the content of the file at ``path`` in the tree, or the problem with it; None without a file."""
        if path not in self.found:
            self.found[path] = self._read(path)
        return self.found[path]

    def steady(self) -> bool:
        """Whether every path still names the file that was read, unchanged, and each link led to one place."""
        return all(len(places) == 1 for places in self.led.values()) and all(
            _identity(path) == identity for path, identity in self.identities.items()
        )

    def fingerprint(self) -> dict[str, str]:
        """Return what a later reading of the same paths is compared with."""
        return {path: _mark(found) for path, found in self.found.items()}

    def _read(self, path: str) -> Content:
        place = self.config if path == CONFIG else self.config.parent / path
        identity = self.identities[place] = _identity(place)
        if identity is None:
            return None
        through = _through(place, self.config.parent, identity[0])
        if through is not None:
            self.led.setdefault(through[0], set()).add(through[1])
        if path == CONFIG:
            pass  # the operator named this very path, wherever it leads
        elif place == self.config:
            return Problem(path, None, f"the configuration includes itself; a revision calls it {CONFIG}")
        elif not Path(identity[0]).is_relative_to(os.path.realpath(self.config.parent)):
            return Problem(
                path, None, "the file is a link that leads out of the configuration's directory; copy it there"
            )
        limit = self.bounds.config_bytes if is_yaml(path) else self.bounds.file_bytes
        # Read where the path led when its identity was taken, so that no link can change in between.
        return _content(Path(identity[0]), path, limit)


class FileSource:
    """Reads the configuration at ``config``, a path that stays the same while its content changes."""

    kind = "file"

    def __init__(self, config: Path, bounds: Bounds) -> None:
        self._config = config
        self._bounds = bounds
        self._fingerprint: dict[str, str] = {}
        self._token: str | None = None
        self._watched = frozenset({config.parent})

    @property
    def location(self) -> str:
        """The path."""
        return str(self._config)

    @property
    def watched(self) -> frozenset[Path]:
        """The directories whose entries decide what the next fetch finds."""
        return self._watched

    def fetch(self, known: str | None) -> Fetch:
        """Read the configuration and all that it draws in, as of one moment."""
        for _ in range(ATTEMPTS):
            reading = _Reading(self._config, self._bounds)
            try:
                fetch = self._fetch(reading, known)
            except _UnreadableError as error:
                return Failed(str(error))
            if reading.steady():
                return fetch
        return Failed(f"{self._config} keeps changing while it is read; it is read again at the next turn.")

    def _fetch(self, reading: _Reading, known: str | None) -> Fetch:
        if known is not None and known == self._token and self._same_as_before(reading):
            return Unchanged()
        reading.found.clear()  # the earlier paths may differ from the present ones
        config = reading.read(CONFIG)
        if config is None:
            return Failed(f"{self._config} does not exist; put the configuration there, or set LITELLM_CONFIG_PATH.")
        if isinstance(config, Problem):
            return Unacceptable((config,), None)
        parsed = self._draw_in(reading, config)
        problems = tuple(found for found in reading.found.values() if isinstance(found, Problem))
        real = {Path(identity[0]).parent for identity in reading.identities.values() if identity is not None}
        self._watched = frozenset({place.parent for place in reading.identities} | real)
        if problems:
            return Unacceptable(problems, None)
        files = {path: found for path, found in reading.found.items() if isinstance(found, bytes)}
        bundle = make_bundle(files, parsed)
        self._fingerprint, self._token = reading.fingerprint(), bundle.digest
        return Fetched(bundle, SourceVersion(self.kind, self.location), bundle.digest)

    def _same_as_before(self, reading: _Reading) -> bool:
        """Compare without parsing: the same bytes at the same paths draw in the same files."""
        return all(_mark(reading.read(path)) == mark for path, mark in self._fingerprint.items())

    def _draw_in(self, reading: _Reading, config: bytes) -> dict[str, Parsed]:
        """Read the files that the configuration draws in; return what was parsed for that, by path."""
        root = parse(CONFIG, config)
        parsed = {CONFIG: root}
        if not isinstance(root, YamlDocument):
            return parsed  # the rules refuse it, with the problems in it
        total = len(config)

        def load(path: str) -> Parsed | None:
            nonlocal total
            if path == CONFIG:
                if self._config.name != CONFIG:
                    message = (
                        f"'include' names {CONFIG}, which in a revision is the configuration itself; rename that file"
                    )
                    reading.found[path] = Problem(path, None, message)
                return None
            found = reading.read(path)
            if isinstance(found, bytes):
                total += len(found)
                if total > self._bounds.bundle_bytes or len(reading.found) > self._bounds.files:
                    reading.found[path] = found = _over_all(path, self._bounds)
            if found is None:
                return None
            if isinstance(found, Problem):
                return (found,)
            parsed[path] = parse(path, found)
            return parsed[path]

        documents, _ = documents_in_order(root, load, "{}")
        for document in documents:
            for path in sorted(module_paths(document)):
                found = reading.read(path)
                total += len(found) if isinstance(found, bytes) else 0
                if total > self._bounds.bundle_bytes:
                    reading.found[path] = _over_all(path, self._bounds)
        return parsed


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
    """Return a mark that changes with the file at ``place`` and with its content; None where there is no file.

    Raises:
        _UnreadableError: the file system does not tell.
    """
    real = os.path.realpath(place)
    try:
        found = os.stat(real)  # noqa: PTH116 - `real` is a text
    except PermissionError:
        raise _UnreadableError(f"{place} cannot be read: permission denied for this user.") from None
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise _UnreadableError(f"{place} cannot be read: {error.strerror}.") from None
    return real, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _content(place: Path, path: str, limit: int) -> Content:
    """Read the file at ``place``, which is ``path`` in the tree.

    Raises:
        _UnreadableError: the file is there and cannot be read.
    """
    try:
        # Opening a device can have effects, and opening a pipe can block.
        if not stat.S_ISREG(place.stat().st_mode):
            return Problem(path, None, "only a regular file can be part of a configuration")
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - takes over a descriptor
            data = file.read(limit + 1)
    except PermissionError:
        raise _UnreadableError(f"{place} cannot be read: permission denied for this user.") from None
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise _UnreadableError(f"{place} cannot be read: {error.strerror}.") from None
    return data if len(data) <= limit else too_large(path, None, limit)
