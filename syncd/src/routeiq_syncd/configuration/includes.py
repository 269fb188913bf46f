"""The other files that a configuration draws in, found as LiteLLM finds them.

Sources, in LiteLLM: ``proxy/common_utils/config_includes.py`` for ``include``, ``get_instance_fn`` in
``proxy/types_utils/utils.py`` for ``callbacks: custom_callbacks.handler`` and its kin.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from routeiq_syncd.configuration.bundle import CONFIG, MANIFEST, inside
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, YamlDocument

DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
DOTTED_CHARACTERS = 250


def include_entries(document: YamlDocument) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """Return the paths under the document's ``include``, in their order, and the problems with its other entries."""
    if not isinstance(document.value, Mapping) or "include" not in document.value:
        return (), ()
    entries = document.value["include"]
    if not isinstance(entries, list):
        return (), (document.problem("'include' must be a list of file paths", "include"),)
    wrong = tuple(
        document.problem("each 'include' must be the path of a file", "include", at)
        for at, entry in enumerate(entries)
        if not isinstance(entry, str)
    )
    return tuple(entry for entry in entries if isinstance(entry, str)), wrong


def resolve_include(entry: str, declared_in: str, exists: Callable[[str], bool]) -> str | None:
    """Return the path in the tree that ``entry`` names: beside the file ``declared_in``, else beside the root.

    None where the path leads out of the tree. The path need not exist.
    """
    if posixpath.isabs(entry):
        return None
    beside = inside(posixpath.join(posixpath.dirname(declared_in), entry))
    if beside is not None and exists(beside):
        return beside
    from_root = inside(entry)
    if from_root is not None and exists(from_root):
        return from_root
    return beside


def include_problem(document: YamlDocument, at: int, path: str | None) -> Problem | None:
    """Say why an include that resolved to ``path`` cannot be part of a bundle; None where it can."""
    if path is None:
        message = "an 'include' must stay beside or below config.yaml: no absolute path and no '..' that leads out"
    elif path != CONFIG and path.split("/")[0] in {CONFIG, MANIFEST}:
        message = f"nothing called {CONFIG} or {MANIFEST} can be included: the revision's own files have these names"
    else:
        return None
    return document.problem(message, "include", at)


def module_paths(document: YamlDocument) -> frozenset[str]:
    """Return the paths, beside `config.yaml`, where LiteLLM looks for modules that dotted strings name."""
    found = set()
    for _path, text in strings_with_path(document.value):
        if len(text) <= DOTTED_CHARACTERS and DOTTED.fullmatch(text):
            found.add(posixpath.join(*text.split(".")[:-1]) + ".py")
    return frozenset(found)


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
        entries, wrong = include_entries(document)
        problems.extend(wrong)
        for at, entry in enumerate(entries):
            path = resolve_include(entry, document.file, exists)
            problem = include_problem(document, at, path)
            if problem is not None or path is None:
                problems.extend([problem] if problem else [])
                continue
            if path in seen:
                continue
            seen.add(path)
            if not exists(path):
                problems.append(document.problem(missing.format(path), "include", at))
                continue
            found = loaded[path]
            if isinstance(found, YamlDocument):
                documents.append(found)
            else:
                problems.extend(found or ())
    return tuple(documents), tuple(problems)
