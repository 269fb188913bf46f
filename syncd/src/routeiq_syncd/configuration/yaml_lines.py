"""YAML, read safely and within bounds, remembering the line of each key.

LiteLLM reads the same text with `yaml.safe_load`, and a text that this module accepts means the same there. Beyond
`safe_load`'s own errors this module refuses duplicate keys, which `safe_load` resolves in silence, and texts built to
exhaust memory: an alias is free to write and costs its whole subtree when a reader walks or copies it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from routeiq_syncd.configuration.harmless import shown_key, unquoted
from routeiq_syncd.configuration.problem import Problem

NODES = 300_000
DEPTH = 100
UNFOLDED = 1_000_000
LETTERS_A_VALUE = 64  # a long text repeated by alias costs as much as many short ones
MERGE = "tag:yaml.org,2002:merge"
LONG_TAGS = frozenset({"tag:yaml.org,2002:str", "tag:yaml.org,2002:binary"})
NUMBER_LETTERS = 1000


@dataclass(frozen=True)
class YamlDocument:
    """A parsed file: its value as `yaml.safe_load` gives it, and the line of each part.

    Attributes:
        file: its path in the bundle.
        value: what `yaml.safe_load` gives.
        root: the node that the value was made of, None for an empty file.
    """

    file: str
    value: object
    root: yaml.Node | None
    _keys: dict[int, dict[str, tuple[int, yaml.Node]]] = field(default_factory=dict, repr=False, compare=False)

    def line(self, *path: str | int) -> int | None:
        """Return the line, counted from 1, of the key or item at ``path``, or of its nearest parent that has a line."""
        node, line = self.root, None if self.root is None else self.root.start_mark.line + 1
        for step in path:
            found = self._step(node, step)
            if found is None:
                break
            line, node = found
        return line

    def problem(self, message: str, *path: str | int) -> Problem:
        """Build a problem that points at ``path``."""
        return Problem(self.file, self.line(*path), message)

    def section(self, name: str) -> Mapping[object, object]:
        """Return the section ``name`` where it is a mapping, else an empty mapping."""
        return mapping_in(self.value, name)

    def _step(self, node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
        match node:
            case yaml.MappingNode():
                # Each mapping is indexed once, however many problems it has.
                if id(node) not in self._keys:
                    pairs = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
                    self._keys[id(node)] = {
                        key.value: (key.start_mark.line + 1, value) for key, value in reversed(pairs)
                    }
                return self._keys[id(node)].get(str(step))
            case yaml.SequenceNode() if isinstance(step, int) and step < len(node.value):
                item = node.value[step]
                return item.start_mark.line + 1, item
            case _:
                return None


# A parsed file, or the problems for which it cannot be taken.
Parsed: TypeAlias = YamlDocument | tuple[Problem, ...]


class _Loader(yaml.CSafeLoader):
    """`CSafeLoader` that remembers the line of the present scalar, for a value that no type accepts."""

    line: int | None = None

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:  # noqa: ANN401 - as the base declares it
        self.line = node.start_mark.line + 1
        if node.tag not in LONG_TAGS and len(node.value) > NUMBER_LETTERS:
            # 1:1:1:… is a number to base 60, and PyYAML takes quadratic time to add it up.
            raise ValueError("too long for a number, a date or a truth value")
        return super().construct_scalar(node)


def mapping_in(value: object, name: str) -> Mapping[object, object]:
    """Return the mapping under the key ``name`` of ``value``; an empty mapping where there is none."""
    inner = value.get(name) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def parse(file: str, data: bytes) -> Parsed:
    """Parse ``data``, the content of the file at the path ``file`` of a bundle."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return (Problem(file, line, "the file is not UTF-8 text; save it as UTF-8"),)
    try:
        if over := _over_bounds(file, text):
            return (over,)
        return _load(file, text)
    except yaml.reader.ReaderError as error:
        line = data.count(b"\n", 0, error.position) + 1
        return (Problem(file, line, "the file holds a character that YAML does not allow"),)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The text of the error can quote the file, which can hold secrets.
        return (Problem(file, mark.line + 1 if mark else None, f"the YAML is broken: {_bare(error)}"),)


def _bare(error: yaml.MarkedYAMLError) -> str:
    return ", ".join(unquoted(part) for part in (error.context, error.problem) if part) or "it cannot be read"


def _over_bounds(file: str, text: str) -> Problem | None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH:
            return Problem(file, _line(event), f"the YAML nests deeper than {DEPTH} levels")
        if nodes > NODES:
            return Problem(file, _line(event), f"the YAML has more than {NODES} values")
    return None


def _load(file: str, text: str) -> Parsed:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return YamlDocument(file, None, None)
        if problem := _expansion_problem(file, root):
            return (problem,)
        if duplicates := tuple(_duplicates(file, root)):
            return duplicates
        return YamlDocument(file, loader.construct_document(root), root)
    except yaml.MarkedYAMLError:
        raise
    except (ValueError, TypeError, OverflowError, AttributeError, LookupError, RecursionError):
        # The texts of these errors quote the value.
        return (Problem(file, loader.line, "the value is not of the type that its form or tag says; quote it"),)
    finally:
        loader.dispose()


def _children(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode():
            return [part for pair in node.value for part in pair]
        case yaml.SequenceNode():
            return list(node.value)
        case _:
            return []


def _own_cost(node: yaml.Node) -> int:
    return 1 + (len(node.value) // LETTERS_A_VALUE if isinstance(node, yaml.ScalarNode) else 0)


def _expansion_problem(file: str, root: yaml.Node) -> Problem | None:
    """Refuse aliases that refer to themselves, or that unfold to too many values; each node is measured once."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, measured = stack.pop()
        name = id(node)
        if measured:
            open_nodes.discard(name)
            sizes[name] = _own_cost(node) + sum(sizes[id(child)] for child in _children(node))
            if sizes[name] > UNFOLDED:
                line = node.start_mark.line + 1
                return Problem(file, line, f"the aliases unfold to more than {UNFOLDED} values")
        elif name in open_nodes:
            return Problem(file, node.start_mark.line + 1, "an alias refers to a value that contains it")
        elif name not in sizes:
            open_nodes.add(name)
            stack.append((node, True))
            stack.extend((child, False) for child in _children(node) if id(child) not in sizes)
    return None


def _duplicates(file: str, root: yaml.Node) -> Iterator[Problem]:
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        stack.extend(reversed(_children(node)))
        if not isinstance(node, yaml.MappingNode):
            continue
        first: dict[tuple[str, str], int] = {}
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in first:
                message = (
                    f"the key '{shown_key(key.value)}' stands on line {first[name]} already; remove one of the two"
                )
                yield Problem(file, line, message)
            first.setdefault(name, line)


def _line(event: yaml.Event) -> int | None:
    return None if event.start_mark is None else event.start_mark.line + 1
