"""The two kinds of script that do not run like all others.

A script that changes nothing can be repeated safely, and a script that is one ``CREATE INDEX CONCURRENTLY`` cannot run
in a transaction.
"""

from dataclasses import dataclass

from routeiq_migrate.plan.grammar import NotSqlError, parse, scan

CHANGES_NOTHING = frozenset({"", "SELECT 1"})


@dataclass(frozen=True, slots=True)
class ConcurrentIndex:
    """A script that only builds one index without blocking writers.

    Attributes:
        index: the index's name, as the catalogue spells it.
        table: the table's name, as the catalogue spells it.
        plain: the script without the word CONCURRENTLY, which may run inside a transaction.
    """

    index: str
    table: str
    plain: str


def is_inert(script: str) -> bool:
    """Whether the script changes nothing: comments and ``SELECT 1``, as LiteLLM defines it."""
    try:
        words = " ".join(token.text.upper() for token in scan(script))
    except NotSqlError:
        return False
    # A semicolon in a string or a name parts it as well, and leaves a quotation mark in either part.
    return all(statement.strip() in CHANGES_NOTHING for statement in words.split(";"))


def concurrent_index(script: str) -> ConcurrentIndex | None:
    """Return the index that ``script`` builds concurrently, if that is all it does."""
    if "concurrently" not in script.lower():  # most scripts, which then need no grammar
        return None
    try:
        statements = parse(script)
    except NotSqlError:
        return None  # the server says what is wrong with it
    match statements:
        case [{"stmt": {"IndexStmt": {"concurrent": True, "idxname": index, "relation": {"relname": table}}}}]:
            word = next(token for token in scan(script) if token.name == "CONCURRENTLY")
            plain = script[: word.start] + script[word.end :].removeprefix(" ")
            return ConcurrentIndex(index, table, plain)
    return None
