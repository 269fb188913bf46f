"""Just enough of SQL's lexical rules to tell two kinds of script from all others.

A script that changes nothing (comments and ``SELECT 1``) can be repeated safely, and a script that is one
``CREATE INDEX CONCURRENTLY`` cannot run in a transaction. Neither question needs a grammar, and an empty database,
where nothing can be lost, is filled without loading one. What is *destructive* is asked of PostgreSQL's own grammar:
see ``destructive``.
"""

import re
from dataclasses import dataclass
from typing import Final

# Compiled where they are used: that takes 20 ms, and a run that finds nothing to do needs neither.
LEXEME: Final = r"""(?P<space>\s+|--[^\n]*)
    |(?P<block>/\*)
    |(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    |(?P<dollar>\$(?P<tag>[A-Za-z_\x80-\uffff][\w\x80-\uffff]*|)\$.*?\$(?P=tag)\$)
    |(?P<name>"(?:[^"]|"")*")
    |(?P<word>[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*|\d[\w.]*)
    |(?P<sign>.)"""
BLOCK_EDGE: Final = r"/\*|\*/"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name, literal or sign, and where it stands in the script (character offsets)."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The token as a key word, in capitals; empty for what cannot be one."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def identifier(self) -> str:
        """The name as the catalogue spells it."""
        return self.text[1:-1].replace('""', '"') if self.kind == "name" else self.text.lower()


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """A script that only builds one index without blocking writers.

    Attributes:
        index: the index's name.
        table: the table's name.
        plain: the script without the word CONCURRENTLY, which may run inside a transaction.
    """

    index: str
    table: str
    plain: str


def end_of_block(script: str, start: int) -> int:
    """Return where the comment that opens at ``start`` ends; they nest in PostgreSQL."""
    depth = 0
    for edge in re.compile(BLOCK_EDGE).finditer(script, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(script)


def statements(script: str) -> list[list[Token]]:
    """Split ``script`` into statements of tokens, without comments and empty statements."""
    found: list[list[Token]] = [[]]
    position = 0
    token = re.compile(LEXEME, re.VERBOSE | re.DOTALL)
    while (match := token.match(script, position)) is not None:
        kind = match.lastgroup or ""
        kind = "dollar" if kind == "tag" else kind
        position = end_of_block(script, match.start()) if kind == "block" else match.end()
        if kind == "sign" and match.group() == ";":
            found.append([])
        elif kind not in ("space", "block"):
            found[-1].append(Token(kind, match.group(), match.start(), match.end()))
    return [statement for statement in found if statement]


def is_inert(script: str) -> bool:
    """Whether the script changes nothing: comments and ``SELECT 1``, as LiteLLM defines it."""
    return all([token.text.upper() for token in found] == ["SELECT", "1"] for found in statements(script))


def concurrent_index(script: str) -> ConcurrentIndex | None:
    """Return the index that ``script`` builds concurrently, if that is all it does."""
    if "concurrently" not in script.lower():
        return None
    found = statements(script)
    if len(found) != 1:
        return None
    tokens = found[0]
    words = [token.keyword for token in tokens]
    at = 2 if words[:2] == ["CREATE", "UNIQUE"] else 1
    if words[0] != "CREATE" or words[at : at + 2] != ["INDEX", "CONCURRENTLY"]:
        return None
    dropped = tokens[at + 1]
    rest = tokens[at + 2 :]
    if [token.keyword for token in rest[:3]] == ["IF", "NOT", "EXISTS"]:
        rest = rest[3:]
    if len(rest) < 3 or rest[1].keyword != "ON":  # noqa: PLR2004 - name, ON, table
        return None
    table = rest[3] if rest[2].keyword == "ONLY" else rest[2]
    plain = script[: dropped.start] + script[dropped.end :].removeprefix(" ")
    return ConcurrentIndex(rest[0].identifier, table.identifier, plain)
