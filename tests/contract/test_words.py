"""One word for one thing: the glossary of ``ARCHITECTURE.md`` names the words that no public name may hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import REPOSITORY

ROW = re.compile(r"^\| (?P<word>[^|]+) \| (?P<meaning>[^|]+) \| (?P<unwanted>[^|]*)\|$", re.MULTILINE)
IN_BACKTICKS = re.compile(r"`([a-z]+)`")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
MEMBERS = ("gateway", "syncd", "migrate")
OUR_OWN = {"asking": "questions or commands", "views": "history", "waits": "waiting"}
"""Banned words beside the glossary's: readers do not meet them, so that the glossary need not explain them."""
IN_ONE_MEMBER = {"migrate": {"source": "scripts", "verdict": "finding"}}
WHOLE_NAMES = {"told": "was_told, or reason"}
ONE_CLASS = {"Cluster", "Election", "Verdict"}
WORDS = {
    "adopt",
    "answer",
    "bundle",
    "candidate (on the volume)",
    "candidate (syncd) / holder",
    "desired",
    "digest",
    "drain",
    "epoch",
    "fence",
    "follow",
    "generation",
    "last known good",
    "lease",
    "ledger",
    "liveness",
    "manifest",
    "materialise",
    "notification",
    "orphan",
    "pass on",
    "permission",
    "place",
    "placeholder",
    "pointer",
    "publish",
    "pulse",
    "reconcile",
    "recorder",
    "replacement",
    "replica row",
    "revision",
    "rollout",
    "saving",
    "seal",
    "shared page",
    "stage",
    "tenure",
    "term",
    "trial, verdict",
    "trust window",
    "turnstile",
}
"""The words that the glossary explains; one that goes, goes here too."""


def glossary() -> list[re.Match[str]]:
    """Return the rows of the glossary."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text().partition("## Words")[2]
    return list(ROW.finditer(text))[2:]  # after the head of the table and its rule


def banned() -> dict[str, str]:
    """Return each banned word with the word that the glossary has for the same thing."""
    return {bad: row["word"] for row in glossary() for bad in IN_BACKTICKS.findall(row["unwanted"])}


def public_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that others may use: of classes, functions, parameters, attributes and constants at the top."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.arg(arg=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def modules() -> Iterator[Path]:
    """Yield the modules of all members."""
    for member in MEMBERS:
        yield from sorted((REPOSITORY / member / "src").rglob("*.py"))


def member_of(path: Path) -> str:
    """Return the member that a module belongs to."""
    return path.relative_to(REPOSITORY).parts[0]


def unwanted(path: Path, names: set[str]) -> list[str]:
    """Return what is wrong with the names of a module, its own and those of its folders among them."""
    words = banned() | OUR_OWN | IN_ONE_MEMBER.get(member_of(path), {})
    words |= {f"{word}s": f"{good} (plural)" for word, good in words.items()}
    places = path.relative_to(REPOSITORY).with_suffix("").parts[3:]
    found = []
    for name in sorted({*names, *places}):
        if name.startswith("_"):
            continue
        parts = {part.lower() for part in PART.findall(name)}
        found += [f"{path}: {name}: not {bad!r} but {words[bad]!r}" for bad in sorted(parts & set(words))]
        found += [f"{path}: {name}: say {WHOLE_NAMES[name]!r}"] if name in WHOLE_NAMES else []
    return found


def test_no_public_name_holds_a_banned_word() -> None:
    """A folder, a module, a class, a function, a parameter, a field or a constant has the glossary's word."""
    assert len(banned()) >= 10, "the glossary was not read"
    found = [problem for path in modules() for problem in unwanted(path, {*public_names(ast.parse(path.read_text()))})]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("syncd/src/routeiq_syncd/lease.py", "class Lease:\n    def __init__(self):\n        self.board = 1"),
        ("syncd/src/routeiq_syncd/lease.py", "def step(board): pass"),
        ("syncd/src/routeiq_syncd/lease.py", "def step(*, boards): pass"),
        ("syncd/src/routeiq_syncd/board/rules.py", ""),
        ("gateway/src/routeiq_gateway/ipc/waits.py", ""),
        ("gateway/src/routeiq_gateway/ipc/channel.py", "class Views: pass"),
        ("gateway/src/routeiq_gateway/ipc/channel.py", "told: bool = False"),
        ("migrate/src/routeiq_migrate/run.py", "def find_verdicts(): pass"),
        ("migrate/src/routeiq_migrate/run.py", "SOURCE = 1"),
    ],
)
def test_a_banned_word_is_found_wherever_a_name_stands(path: str, text: str) -> None:
    """In an attribute, a parameter, a folder's name, as a plural, and where one member alone may not say it."""
    assert unwanted(REPOSITORY / path, {*public_names(ast.parse(text))})


def test_a_word_of_the_glossary_names_one_class() -> None:
    """Two classes of one name are two things: readers take one for the other."""
    trees = [ast.parse(path.read_text()) for path in modules()]
    classes = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not {name: classes.count(name) for name in ONE_CLASS if classes.count(name) > 1}


def test_the_glossary_has_a_meaning_for_every_word_once() -> None:
    """No word stands twice, none lacks its meaning, and none is banned by another row."""
    words = [row["word"].strip() for row in glossary()]
    assert len(words) == len(set(words))
    assert set(words) >= WORDS
    assert not set(words) & set(banned())
