"""The files that a configuration includes, found as LiteLLM finds them; the texts in a document.

Source: ``proxy/common_utils/config_includes.py`` in LiteLLM.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping

from routeiq_syncd.configuration.bundle import CONFIG, MANIFEST, inside
from routeiq_syncd.configuration.harmless import shown_path
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, YamlDocument


def strings_with_path(value: object) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every string in ``value`` with its path; the strings in a container that aliases share come once."""
    seen: set[int] = set()
    stack: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    while stack:
        path, here = stack.pop()
        if isinstance(here, str):
            yield path, here
            continue
        if not isinstance(here, dict | list) or id(here) in seen:
            continue
        seen.add(id(here))
        parts = here.items() if isinstance(here, dict) else enumerate(here)
        stack.extend(((*path, key if isinstance(key, int) else str(key)), part) for key, part in parts)


def documents_in_order(
    root: YamlDocument, load: Callable[[str], Parsed | None], missing: str
) -> tuple[tuple[YamlDocument, ...], tuple[Problem, ...]]:
    """Follow ``include`` from the root, each file once, in the order in which LiteLLM merges them.

    Args:
        root: the parsed `config.yaml`.
        load: gives the parsed file at a path, its problems, or None where there is no such file.
        missing: the sentence for an included file that is not there; ``{}`` stands for its path.
    """
    documents = [root]
    problems = list[Problem]()
    seen = {CONFIG}
    loaded: dict[str, Parsed | None] = {}

    def exists(path: str) -> bool:
        if path not in loaded:
            loaded[path] = load(path)
        return path == CONFIG or loaded[path] is not None

    for document in documents:  # grows while it is walked: includes of includes come last
        entries = document.value.get("include", []) if isinstance(document.value, Mapping) else []
        if not isinstance(entries, list):
            problems.append(document.problem("'include' must be a list of file paths", "include"))
            continue
        for at, entry in enumerate(entries):
            path = _included(document, at, entry, exists)
            if isinstance(path, Problem):
                problems.append(path)
                continue
            if path in seen:
                continue
            seen.add(path)
            if not exists(path):
                problems.append(document.problem(missing.format(shown_path(path)), "include", at))
                continue
            found = loaded[path]
            if isinstance(found, YamlDocument):
                documents.append(found)
            else:
                problems.extend(found or ())
    return tuple(documents), tuple(problems)


def _included(document: YamlDocument, at: int, entry: object, exists: Callable[[str], bool]) -> str | Problem:
    """Return the path in the tree that ``entry`` names: beside the document's file, else beside the root.

    The path need not exist. A problem where no bundle can have a file at the path.
    """
    if not isinstance(entry, str):
        return document.problem("each 'include' must be the path of a file", "include", at)
    places = inside(posixpath.join(posixpath.dirname(document.file), entry)), inside(entry)
    path = next((place for place in places if place is not None and exists(place)), places[0])
    if path is None:
        message = "an 'include' must stay beside or below the configuration: no absolute path, no '..' that leads out"
    elif path != CONFIG and path.split("/")[0] in {CONFIG, MANIFEST}:
        message = f"nothing called {CONFIG} or {MANIFEST} can be included: the revision's own files have these names"
    else:
        return path
    return document.problem(message, "include", at)
