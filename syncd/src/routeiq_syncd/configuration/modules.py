"""Which modules of Python a configuration draws in: those that it names, and those that these import in turn.

Nothing is executed: the text of a module is parsed, and each import in it counts, wherever it stands. LiteLLM finds the
modules that a configuration names by ``get_instance_fn`` in its ``proxy/types_utils/utils.py``.
"""

import ast
import re
import sys
import warnings
from collections.abc import Iterator

from routeiq_syncd.configuration.includes import strings_with_path
from routeiq_syncd.configuration.yaml_lines import YamlDocument

DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
DOTTED_CHARACTERS = 250
SEARCHED_BYTES = 256 * 1024
"""The most bytes of a module whose imports are looked for: parsed, it takes a hundred times as much memory."""
UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError)


def named_modules(document: YamlDocument) -> frozenset[str]:
    """Return the names of the modules, such as ``hooks.audit``, that dotted strings of the document may name."""
    return frozenset(
        text.rpartition(".")[0]
        for _path, text in strings_with_path(document.value)
        if len(text) <= DOTTED_CHARACTERS and DOTTED.fullmatch(text)
    )


def imported_modules(path: str, source: bytes) -> frozenset[str]:
    """Return the names of the modules that the module at ``path`` may import, those of Python's own left out.

    Of ``from a import b`` both ``a`` and ``a.b`` come, since ``b`` may be a module. A text that is no Python, or that
    is longer than `SEARCHED_BYTES`, has none: LiteLLM finds out what is wrong with it.
    """
    if len(source) > SEARCHED_BYTES:
        return frozenset()
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except UNPARSED:
        return frozenset()
    package = path.split("/")[:-1]
    names = {name for node in ast.walk(tree) for name in _imported(node, package)}
    return frozenset(name for name in names if name.partition(".")[0] not in sys.stdlib_module_names)


def _imported(node: ast.AST, package: list[str]) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(level=level) if level <= len(package):
            above = package[: len(package) + 1 - level] if level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
