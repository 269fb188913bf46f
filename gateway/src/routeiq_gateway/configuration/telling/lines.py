"""Where a setting stands: the file and the line of each key and entry of a configuration, its includes merged in.

LiteLLM lengthens a list by that of an included file, and takes any other section from the file that is included last
(``proxy/common_utils/config_includes.py``), so an entry is counted over all files.
"""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import yaml

from routeiq_gateway.configuration.harmless import Place, place_below, shown_key
from routeiq_gateway.configuration.loading import NOT_YAML

MOST = 200_000
"""The most keys and entries whose places are kept; aliases can unfold a short text to any number."""
DEEPEST = 100
MERGE = "tag:yaml.org,2002:merge"


def find_lines(name: str, read: Callable[[str], bytes | None]) -> dict[str, str]:
    """Return the place of each part of the configuration, such as ``config.yaml:12``, by its name: ``model_list[0]``.

    Names are those that messages show; of keys that show alike, none is told apart by its line.

    Args:
        name: of the configuration's file.
        read: gives the text of a file beside it, None where there is none.
    """
    sections: dict[str, list[tuple[str, yaml.Node]]] = {}
    begins: dict[str, str] = {}
    for file, root in _documents(name, read):
        for key, value in root.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            before = sections.get(key.value, [])
            lists = isinstance(value, yaml.SequenceNode) and all(
                isinstance(node, yaml.SequenceNode) for _, node in before
            )
            sections[key.value] = [*before, (file, value)] if lists else [(file, value)]
            if not (before and lists):
                begins[key.value] = f"{file}:{key.start_mark.line + 1}"
    alike = Counter(map(shown_key, sections))
    told = {key: shown_key(key) for key in sections if alike[shown_key(key)] == 1}
    places = {section: begins[key] for key, section in told.items()}
    for key, section in told.items():
        count = 0
        for file, node in sections[key]:
            for where, line in _walk(node, section, count, 0, place_below(Place.SETTINGS, key)):
                if len(places) >= MOST:
                    return places
                places.setdefault(where, f"{file}:{line}")
            count += len(node.value)
    return places


def _documents(name: str, read: Callable[[str], bytes | None]) -> Iterator[tuple[str, yaml.MappingNode]]:
    """Yield each file that is a mapping of sections, once, in the order in which LiteLLM merges them."""
    waiting, seen = [name], {name}
    for file in waiting:  # grows while it is walked: includes of includes come last
        text = read(file)
        try:
            root = None if text is None else yaml.compose(text, Loader=yaml.CSafeLoader)
        except NOT_YAML:
            root = None  # whoever loads the file tells what is wrong
        if not isinstance(root, yaml.MappingNode):
            continue
        yield file, root
        for entry in _included(root):
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(file), entry))
            found = beside if read(beside) is not None else posixpath.normpath(entry)
            if found not in seen:
                seen.add(found)
                waiting.append(found)


def _included(root: yaml.MappingNode) -> Iterable[str]:
    for key, value in root.value:
        if isinstance(key, yaml.ScalarNode) and key.value == "include" and isinstance(value, yaml.SequenceNode):
            return [entry.value for entry in value.value if isinstance(entry, yaml.ScalarNode)]
    return []


def _walk(node: yaml.Node, where: str, first: int, depth: int, place: Place) -> Iterator[tuple[str, int]]:
    """Yield name and line of each part of ``node``, which stands at ``where``; its entries count from ``first``."""
    if depth > DEEPEST:
        return
    if isinstance(node, yaml.SequenceNode):
        for at, below in enumerate(node.value, first):
            yield f"{where}[{at}]", below.start_mark.line + 1
            yield from _walk(below, f"{where}[{at}]", 0, depth + 1, place)
    elif isinstance(node, yaml.MappingNode):
        merged = list[yaml.Node]()
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        alike = Counter(shown_key(key, place) for key in dict.fromkeys(keys))
        for key, below in node.value:
            if key.tag == MERGE:
                merged += below.value if isinstance(below, yaml.SequenceNode) else [below]
            elif isinstance(key, yaml.ScalarNode):
                name = shown_key(key.value, place)
                if alike[name] > 1:
                    continue
                yield f"{where}.{name}", key.start_mark.line + 1
                yield from _walk(below, f"{where}.{name}", 0, depth + 1, place_below(place, key.value))
        for below in merged:  # a key of the mapping's own comes before those that it takes over
            yield from _walk(below, where, 0, depth + 1, place)
