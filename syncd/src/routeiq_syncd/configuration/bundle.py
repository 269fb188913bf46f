"""A bundle: the files that make one configuration, with paths that cannot leave their tree."""

import hashlib
import posixpath
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, parse

CONFIG = "config.yaml"
MANIFEST = "manifest.json"
PATH_BYTES = 1024
NAME_BYTES = 255  # the limit of most file systems


HINT = "; raise ROUTEIQ_MAX_{} if that is meant"
MOST_FILES = 5000
MOST_FILE_BYTES = 64 * 1024**3


@dataclass(frozen=True)
class Bounds:
    """Limits on a bundle.

    Attributes:
        config_bytes: the most bytes of a file that is parsed as YAML.
        file_bytes: the most bytes of any file.
        bundle_bytes: the most bytes of all files together.
        files: the most files.
        row_bytes: the most bytes of all files together, for a bundle that travels in its row of the database.
    """

    config_bytes: int = 4 * 1024 * 1024
    file_bytes: int = 64 * 1024 * 1024
    bundle_bytes: int = 256 * 1024 * 1024
    files: int = 1000
    row_bytes: int = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One file as the manifest lists it: path in the tree, size in bytes, hex sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """The files of one configuration.

    Attributes:
        files: content by path; `config.yaml` is the configuration itself. Large files of a prefix lie on the shelf of
            the volume instead (`volume.shelf`), each under its digest.
        entries: the files as the manifest lists them, in byte order of their paths.
        digest: names the content.
        parsed: the YAML files that the source has parsed already, by path.
    """

    files: Mapping[str, bytes]
    entries: tuple[Entry, ...]
    digest: str
    parsed: Mapping[str, Parsed] = field(default_factory=dict, repr=False, compare=False)

    def parse(self, path: str) -> Parsed:
        """Return the file at ``path`` parsed."""
        return self.parsed.get(path) or parse(path, self.files[path])


def make_bundle(files: Mapping[str, bytes], parsed: Mapping[str, Parsed] | None = None) -> Bundle:
    """Build a bundle with its entries and its digest."""
    entries = tuple(
        Entry(path, len(files[path]), hashlib.sha256(files[path]).hexdigest())
        for path in sorted(files, key=lambda path: path.encode())
    )
    return Bundle(dict(files), entries, digest_of(entries), parsed or {})


def make_partial(
    entries: Iterable[Entry], files: Mapping[str, bytes], parsed: Mapping[str, Parsed] | None = None
) -> Bundle:
    """Build a bundle of which only ``files`` are in memory; ``entries`` are all of its files."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.path.encode()))
    return Bundle(dict(files), ordered, digest_of(ordered), parsed or {})


def digest_of(entries: Iterable[Entry]) -> str:
    """Return the hex sha256 over ``path NUL size NUL sha256 LF`` of each entry, in byte order of the paths."""
    whole = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.path.encode()):
        whole.update(f"{entry.path}\0{entry.size}\0{entry.sha256}\n".encode())
    return whole.hexdigest()


def inside(path: str) -> str | None:
    """Return ``path`` normalised, relative to the tree; None where it leaves the tree or names none of its files."""
    if not path or path.startswith("/") or "\\" in path or any(map(_unfit, path)):
        return None
    normal = posixpath.normpath(path)
    if normal in {".", ".."} or normal.startswith("../"):
        return None
    return normal


def _unfit(letter: str) -> bool:
    """Whether the letter is a control character, or half a surrogate pair, which has no UTF-8."""
    return letter < " " or "\ud800" <= letter <= "\udfff"


def short(path: str) -> bool:
    """Whether a file system takes the path, below a volume of usual depth."""
    data = path.encode()
    return len(data) <= PATH_BYTES and all(len(name) <= NAME_BYTES for name in data.split(b"/"))


def fit_together(paths: Collection[str]) -> bool:
    """Whether the paths can be the files of one revision: in its tree, each once, none where another's directory is."""
    taken = {MANIFEST, *paths}
    if len(taken) != len(paths) + 1:
        return False
    for path in paths:
        if inside(path) != path or not short(path):
            return False
        parts = path.split("/")
        if any("/".join(parts[:length]) in taken for length in range(1, len(parts))):
            return False
    return True


def bound_problems(bundle: Bundle, bounds: Bounds) -> tuple[Problem, ...]:
    """Say which bounds the bundle exceeds."""
    problems = []
    for entry in bundle.entries:
        yaml = entry.path == CONFIG or entry.path in bundle.parsed
        limit = bounds.config_bytes if yaml else bounds.file_bytes
        if entry.size > limit:
            problems.append(too_large(entry.path, entry.size, limit, yaml=yaml))
        if not short(entry.path):
            message = f"the path is too long: at most {NAME_BYTES} bytes a name and {PATH_BYTES} in all are taken"
            problems.append(Problem(entry.path[:80] + "…", None, message))
    total = sum(entry.size for entry in bundle.entries)
    if total > bounds.bundle_bytes:
        message = f"the files together have {total} bytes; at most {bounds.bundle_bytes} are taken"
        message += HINT.format("BUNDLE_BYTES")
        problems.append(Problem(CONFIG, None, message))
    if len(bundle.entries) > bounds.files:
        message = f"the configuration has {len(bundle.entries)} files; at most {bounds.files} are taken"
        message += HINT.format("FILES")
        problems.append(Problem(CONFIG, None, message))
    return tuple(problems)


def too_large(path: str, size: int | None, limit: int, *, yaml: bool) -> Problem:
    """Return the problem of a file over its limit.

    Args:
        path: of the file.
        size: in bytes, None where reading stopped at the limit.
        limit: in bytes.
        yaml: whether the file is parsed as YAML, whose limit is lower.
    """
    found = "more bytes than that" if size is None else f"{size} bytes"
    hint = HINT.format("CONFIG_BYTES" if yaml else "FILE_BYTES")
    return Problem(path, None, f"the file is too large: at most {limit} bytes are taken and it has {found}{hint}")


def written_name(location: str) -> str:
    """Return the name under which the operator knows the configuration at ``location`` of a source."""
    return location.rstrip("/").rpartition("/")[2] or CONFIG


def as_written(problems: Iterable[Problem], name: str) -> tuple[Problem, ...]:
    """Return the problems with the configuration, which a bundle calls `config.yaml`, under its own ``name``."""
    return tuple(replace(problem, file=name) if problem.file == CONFIG else problem for problem in problems)
