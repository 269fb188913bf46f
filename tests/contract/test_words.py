"""One word for one thing: the glossary of ``ARCHITECTURE.md`` names the words that no public name may hold."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import REPOSITORY

ROW = re.compile(r"^\| (?P<word>[^|]+) \| (?P<meaning>[^|]+) \| (?P<unwanted>[^|]*)\|$", re.MULTILINE)
IN_BACKTICKS = re.compile(r"`([a-z]+)`")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
MEMBERS = ("gateway", "syncd", "migrate")


def glossary() -> list[re.Match[str]]:
    """Return the rows of the glossary."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text().partition("## Words")[2]
    return list(ROW.finditer(text))[2:]  # after the head of the table and its rule


def banned() -> dict[str, str]:
    """Return each banned word with the word that the glossary has for the same thing."""
    return {bad: row["word"] for row in glossary() for bad in IN_BACKTICKS.findall(row["unwanted"])}


def public_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that others may use: of classes, functions, attributes and constants at the top."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def modules() -> Iterator[Path]:
    """Yield the modules of all members."""
    for member in MEMBERS:
        yield from sorted((REPOSITORY / member / "src").rglob("*.py"))


def test_no_public_name_holds_a_banned_word() -> None:
    """A module, a class, a function, a field or a constant has the glossary's word, not the one that it replaces."""
    words = banned()
    assert len(words) >= 10, "the glossary was not read"
    found = []
    for path in modules():
        names = {path.stem, *public_names(ast.parse(path.read_text()))}
        for name in sorted(names):
            if name.startswith("_"):
                continue
            parts = {part.lower() for part in PART.findall(name)}
            found += [f"{path}: {name}: not {bad!r} but {words[bad]!r}" for bad in sorted(parts & set(words))]
    assert not found, "\n".join(found)


def test_the_glossary_has_a_meaning_for_every_word_once() -> None:
    """No word stands twice, none lacks its meaning, and none is banned by another row."""
    words = [row["word"].strip() for row in glossary()]
    assert len(words) == len(set(words))
    assert not set(words) & set(banned())
