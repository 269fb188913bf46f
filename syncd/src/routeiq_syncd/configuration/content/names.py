"""From the keys of a store to the paths of a tree: a store takes any name, a tree does not."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import CONFIG, MANIFEST, Entry, inside, short
from routeiq_syncd.configuration.content.index import INDEX
from routeiq_syncd.configuration.problem import Problem

COMPILED = "__pycache__"
SHOWN = 80  # letters of a name that a message shows
MOST_SHOWN = 20  # problems of one kind


@dataclass(frozen=True)
class Object:
    """One object as a listing of a store shows it.

    Attributes:
        bucket, key: where it is.
        size: in bytes.
        etag: the store's name of the content.
    """

    bucket: str
    key: str
    size: int
    etag: str


def is_part(path: str) -> bool:
    """Whether the object at ``path`` below the prefix is a file of the bundle.

    The index is none, nor is what marks a folder, what Python compiles, or a name that begins with a dot; a name of
    dots alone counts, so that it is refused.
    """
    names = path.split("/")
    hidden = any(name.startswith(".") and name.strip(".") for name in names)
    return bool(path) and not path.endswith("/") and path != INDEX and COMPILED not in names and not hidden


def name_problems(paths: Iterable[str]) -> tuple[Problem, ...]:
    """Say which paths no revision can hold together, each with what to do; at most `MOST_SHOWN`."""
    problems = list[Problem]()
    twins = dict[str, str]()
    known = list(paths)
    files = set(known)
    for path in known:
        problem = _unfit(path) or _twin(path, twins) or _in_the_way(path, files)
        if problem is not None:
            problems.append(Problem(shown_name(path), None, problem))
    more = len(problems) - MOST_SHOWN
    cut = problems[:MOST_SHOWN]
    return (*cut, Problem(CONFIG, None, f"{more} more names are refused")) if more > 0 else tuple(cut)


def shown_name(path: str) -> str:
    """Return the name for a message: printable, and of bounded length."""
    text = path if path.isprintable() else ascii(path)[1:-1]
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _unfit(path: str) -> str | None:
    if inside(path) != path:
        return "the name leaves the tree, is not normalised, or holds a control character; rename the object"
    if not short(path):
        return "the name is too long for a file system; rename the object"
    own = path.split("/", maxsplit=1)[0]
    if own == MANIFEST or (path != CONFIG and path.startswith(f"{CONFIG}/")):
        return f"the revision's own file has the name {own}; rename the object"
    return None


def _twin(path: str, seen: dict[str, str]) -> str | None:
    """Say which earlier name differs in case or in its Unicode form alone, a directory's included."""
    parts = path.split("/")
    for length in range(1, len(parts) + 1):
        name = "/".join(parts[:length])
        twin = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if twin != name:
            return f"the name differs from {shown_name(twin)} only in case or accents; rename one of them"
    return None


def _in_the_way(path: str, files: set[str]) -> str | None:
    parts = path.split("/")
    above = next((name for at in range(1, len(parts)) if (name := "/".join(parts[:at])) in files), None)
    return None if above is None else f"{shown_name(above)} is a file, and can be no directory; rename one of them"


def travels_in_row(sizes: Mapping[str, int], row_bytes: int) -> frozenset[str]:
    """Return which files travel in the row of the database: the smallest, as many as ``row_bytes`` hold."""
    left, inline = row_bytes, set[str]()
    for path, size in sorted(sizes.items(), key=lambda item: (item[1], item[0].encode())):
        left -= size
        if left < 0:
            break
        inline.add(path)
    return frozenset(inline)


def index_problems(entries: Iterable[Entry], sizes: Mapping[str, int]) -> tuple[Problem, ...]:
    """Say which files of the index a listing does not show, or shows with another size."""
    problems = list[Problem]()
    for entry in entries:
        size = sizes.get(entry.path)
        if size is None:
            message = f"{INDEX} names this file and the prefix does not hold it; upload it, or pack anew"
        elif size != entry.size:
            message = f"{INDEX} says {entry.size} bytes and the prefix holds {size}; upload the file, or pack anew"
        else:
            continue
        problems.append(Problem(shown_name(entry.path), None, message))
    return tuple(problems[:MOST_SHOWN])
