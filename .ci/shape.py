"""Checks what no linter does: sizes, the one reader of the environment, and what may stand in a file.

Rules: a function has at most 70 lines, a module at most 300, and a folder of a member at most ten modules; each folder
of a member says in its ``__init__.py`` what it is for; only a member's ``settings.py`` and ``__main__.py`` touch
``os.environ``; only the gateway's room ``litellm_edge`` names LiteLLM's modules, or imports a module by a text; the
lock file names one index, the public one; no file names a machine's path.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FUNCTION = 70
LONGEST_MODULE = 300
MOST_MODULES = 10
SHORTEST_ROOM_STORY = 3
READERS = {"settings.py", "__main__.py"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
IMPORTERS = {"import_module", "__import__", "runpy", "pkgutil", "SourceFileLoader", "spec_from_file_location"}
"""What imports a module by a text, which no import contract sees."""
EDGE = "gateway/src/routeiq_gateway/litellm_edge/"
"""Sets what LiteLLM reads from the environment, and alone imports LiteLLM."""
LITELLM = re.compile(r"(litellm|litellm_enterprise|litellm_proxy_extras)(\.\w*)*$|(fastapi|openai)(\.\w*)+$")
LITELLM_IMPORTED = re.compile(r"(litellm\w*|fastapi|openai)(\.|$)")
READ_AS_FILES = "migrate/src/routeiq_migrate/scripts.py"
"""Names LiteLLM's package of migrations to find its files, and imports nothing of it."""
LOOKS_UP = {"find_spec", "requires", "version"}
"""The functions that `READ_AS_FILES` may give LiteLLM's name to."""
MACHINE_PATH = re.compile(r"/(?:root|work)/[a-z]|/home/[a-z]+/|/tmp/[a-z]+-[0-9]+")
INDEX = re.compile(r'registry = "([^"]+)"')


def main() -> int:
    """Print every broken rule; return 1 if there is one."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    problems: list[str] = list(folder_problems(tracked))
    for name in filter(None, tracked):
        path = ROOT / name
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if name.endswith(".py"):
            problems += python_problems(name, text)
        if name == "uv.lock":
            problems += [f"{name}: index {index}" for index in set(INDEX.findall(text)) - {"https://pypi.org/simple"}]
        else:
            problems += [
                f"{name}:{number}: a path of a machine"
                for number, line in enumerate(text.splitlines(), 1)
                if MACHINE_PATH.search(line) and name != ".ci/shape.py"
            ]
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


def python_problems(name: str, text: str) -> Iterator[str]:
    """Yield what is wrong with one module."""
    lines = len(text.splitlines())
    if lines > LONGEST_MODULE:
        yield f"{name}: {lines} lines, at most {LONGEST_MODULE}"
    source = "/src/" in name
    tree = ast.parse(text)
    if source and Path(name).name == "__init__.py":
        story = ast.get_docstring(tree) or ""
        if len(story.splitlines()) < SHORTEST_ROOM_STORY:
            yield f"{name}: says too little of its room: purpose, parts, and what never enters"
    if source and not name.startswith(EDGE):
        looked_up = looked_up_texts(tree) if name == READ_AS_FILES else set()
        for line in litellm_lines(tree, looked_up):
            yield f"{name}:{line}: names a module of LiteLLM; only {EDGE} may"
        yield from (f"{name}:{line}: imports by a text; only {EDGE} may" for line in lines_with(tree, IMPORTERS))
        if not is_reader(name):
            for line in lines_with(tree, ENVIRONMENT):
                yield f"{name}:{line}: reads the environment; only settings.py may"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most {LONGEST_FUNCTION}"
        if source and isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: module-level state"


def folder_problems(tracked: list[str]) -> Iterator[str]:
    """Yield the folders of members that hold too many modules."""
    modules = [path for path in map(Path, tracked) if path.suffix == ".py" and "src" in path.parts]
    counts = Counter(path.parent for path in modules if path.name != "__init__.py")
    for folder, count in sorted(counts.items()):
        if count > MOST_MODULES:
            yield f"{folder}: {count} modules, at most {MOST_MODULES}"


def is_reader(name: str) -> bool:
    """Whether this is a member's own module that may read the environment, and not one of that name in a room."""
    path = Path(name)
    return path.name in READERS and path.parent.parent.name == "src"


def lines_with(tree: ast.Module, names: set[str]) -> Iterator[int]:
    """Yield the lines that use one of ``names``: as a name, an attribute, an import or a text."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                used = [alias.name for alias in aliases]
            case ast.ImportFrom(names=aliases, module=module):
                used = [module or "", *(alias.name for alias in aliases)]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                used = [name]
            case _:
                continue
        if names & set(used):
            yield node.lineno


def looked_up_texts(tree: ast.Module) -> set[ast.AST]:
    """Return the texts that only look a package up."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    return {text for call in calls if call.func.id in LOOKS_UP for text in call.args}  # type: ignore[attr-defined]


def litellm_lines(tree: ast.Module, looked_up: set[ast.AST]) -> Iterator[int]:
    """Yield the lines that import LiteLLM, or that hold the name of one of its modules as a text."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found = any(LITELLM_IMPORTED.match(alias.name) for alias in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                found = bool(LITELLM_IMPORTED.match(module))
            case ast.Constant(value=str(value)) if node not in looked_up:
                found = bool(LITELLM.match(value))
            case _:
                continue
        if found:
            yield node.lineno


if __name__ == "__main__":
    sys.exit(main())
