"""Revisions and their differences, written for people, without secrets.

What of a configuration is shown is decided in `configuration.harmless`. A hidden value that one revision has and the
other has not is marked, so that a changed key is a difference although it is never shown. Comments are left out: a
secret may have been pasted there.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.configuration.harmless import MASK, Place, place_below, shown_key, shown_scalar
from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.configuration.yaml_lines import YamlDocument

CONTEXT = 3
"""Lines around a difference."""
WIDTH = 1_000_000
SUFFIXES = (".yaml", ".yml")
Hidden = tuple[tuple[str, ...], str]


def shown(bundle: Bundle) -> str:
    """Return the files of a revision: YAML without secrets and comments, of other files size and digest."""
    parts = []
    for path, lines in _files(bundle, _Marks()).items():
        parts += [f"# {legible(path)}", *lines, ""]
    return "\n".join(parts).rstrip("\n")


def difference(before: Bundle, after: Bundle) -> str:
    """Return what differs between two revisions, file by file, as a unified diff; empty where nothing does."""
    was, now = _Marks(), _Marks()
    _files(before, was)
    _files(after, now)
    olds = _files(before, _Marks(now.seen, "before"))
    news = _files(after, _Marks(was.seen, "after"))
    digests = [{entry.path: entry.sha256 for entry in bundle.entries} for bundle in (before, after)]
    lines: list[str] = []
    for path in sorted(olds.keys() | news.keys()):
        name, old, new = legible(path), olds.get(path), news.get(path)
        if old is None or new is None:
            lines.append(f"{'added' if old is None else 'removed'}: {name}")
        elif digests[0][path] == digests[1][path]:
            continue
        elif old == new:
            lines.append(f"changed: {name}, in comments, in its form, or in which place a hidden value stands")
            continue
        lines += difflib.unified_diff(old or [], new or [], f"a/{name}", f"b/{name}", n=CONTEXT, lineterm="")
    return "\n".join(lines)


@dataclass(frozen=True)
class _Marks:
    """The hidden values of one revision.

    Attributes:
        elsewhere: those of the other revision; a value that is not among them is marked.
        mark: the word for it, empty where nothing is marked.
        seen: those of this revision, by the keys above them and their text.
    """

    elsewhere: set[Hidden] = field(default_factory=set)
    mark: str = ""
    seen: set[Hidden] = field(default_factory=set)

    def of(self, keys: tuple[str, ...], text: str) -> str:
        """Note a hidden value and return what is added to what is shown of it."""
        self.seen.add((keys, text))
        return f" ({self.mark})" if self.mark and (keys, text) not in self.elsewhere else ""


def _files(bundle: Bundle, marks: _Marks) -> dict[str, list[str]]:
    return {entry.path: list(_lines(bundle, entry.path, marks)) for entry in bundle.entries}


def _lines(bundle: Bundle, path: str, marks: _Marks) -> Iterator[str]:
    at_hand = path in bundle.files and path.lower().endswith(SUFFIXES)  # large files are not in memory
    document = bundle.parse(path) if at_hand else None
    if not isinstance(document, YamlDocument):
        entry = next(entry for entry in bundle.entries if entry.path == path)
        yield f"{entry.size} bytes, sha256 {entry.sha256}"
        return
    if document.value is not None:
        masked = _masked(document.value, Place.SETTINGS, (path,), marks)
        yield from yaml.dump(
            masked, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False
        ).splitlines()


def _masked(value: object, place: Place, keys: tuple[str, ...], marks: _Marks) -> object:
    if isinstance(value, Mapping):
        result: dict[object, object] = {}
        for key, below in value.items():
            name = shown_key(key, place)
            if name == MASK:
                name += marks.of((*keys, "a key"), str(key))
            while name in result:
                name += "'"
            result[name] = _masked(below, place_below(place, key), (*keys, str(key)), marks)
        return result
    if isinstance(value, list):
        return [_masked(below, place, keys, marks) for below in value]
    as_shown = shown_scalar(value, place)
    if isinstance(as_shown, str) and as_shown != value:
        return as_shown + marks.of(keys, f"{type(value).__name__} {value}")
    return as_shown
