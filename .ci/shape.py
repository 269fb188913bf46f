"""Checks what no linter does: sizes, the one reader of the environment, and what may stand in a file.

Rules: a function has at most 70 lines and a module at most 300; only ``settings.py`` and ``__main__.py`` touch
``os.environ``; the lock file names one index, the public one; no file names a machine's path.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FUNCTION = 70
LONGEST_MODULE = 300
READERS = {"settings.py", "__main__.py", "environment.py"}  # the last sets what LiteLLM reads, and reads nothing
MACHINE_PATH = re.compile(r"/(?:root|work)/[a-z]|/home/[a-z]+/|/tmp/[a-z]+-[0-9]+")
INDEX = re.compile(r'registry = "([^"]+)"')


def main() -> int:
    """Print every broken rule; return 1 if there is one."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    problems: list[str] = []
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
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines, at most {LONGEST_FUNCTION}"
        reads = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
        if source and reads and Path(name).name not in READERS:
            yield f"{name}:{node.lineno}: reads the environment; only settings.py may"  # type: ignore[attr-defined]
        if source and isinstance(node, ast.Global):
            yield f"{name}:{node.lineno}: module-level state"


if __name__ == "__main__":
    sys.exit(main())
