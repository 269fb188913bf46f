"""The index of a prefix, ``revision.json``: which files make one revision, with their sizes and digests.

Whoever uploads it last says by it what belongs together, so that nothing has to be waited for. It is no proof of who
wrote it.
"""

import json
from collections.abc import Iterable

from routeiq_syncd.configuration.bundle import CONFIG, Entry, digest_of, fit_together
from routeiq_syncd.configuration.problem import Problem

INDEX = "revision.json"
INDEX_BYTES = 4 * 1024 * 1024
FORMAT = 1
DIGEST_LETTERS = 64


def write_index(entries: Iterable[Entry]) -> bytes:
    """Write the index of the files, in byte order of their paths, with a closing newline."""
    files = sorted(entries, key=lambda entry: entry.path.encode())
    fields = {"format": FORMAT, "digest": digest_of(files), "files": [vars(entry) for entry in files]}
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def read_index(data: bytes) -> tuple[Entry, ...] | Problem:
    """Read an index, ignoring unknown fields; the problem where it cannot be followed."""
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT:
            return Problem(INDEX, None, f"its format is not {FORMAT}, which this release reads; upgrade syncd")
        entries = tuple(_entry(file) for file in fields["files"])
        digest = fields["digest"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Problem(INDEX, None, "it is no index; `routeiq-syncd pack DIR` writes one")
    paths = [entry.path for entry in entries]
    if not fit_together(paths):
        return Problem(INDEX, None, "it names a file twice, or paths that no revision can hold together; pack anew")
    if CONFIG not in paths:
        return Problem(INDEX, None, f"it names no {CONFIG}; pack the directory that holds it")
    if digest != digest_of(entries):
        return Problem(INDEX, None, "its digest is not that of the files it names; it was edited, or is cut: pack anew")
    return entries


def _entry(file: dict[str, object]) -> Entry:
    """Read one file of the index.

    Raises:
        KeyError: a field is missing.
        UnicodeEncodeError: a path has no UTF-8.
        ValueError: a field holds something else than it should.
    """
    path, size, sha256 = file["path"], file["size"], file["sha256"]
    if not isinstance(path, str) or type(size) is not int or size < 0 or not isinstance(sha256, str):
        raise ValueError("not a file of an index")
    if len(sha256) != DIGEST_LETTERS or sha256.strip("0123456789abcdef"):
        raise ValueError("not a digest")
    path.encode()
    return Entry(path, size, sha256)
