"""PostgreSQL's own grammar, as pglast brings it: a script becomes parse trees, or tokens.

pglast is imported at the first call: it takes 20 ms and 5 MB, and a run that finds nothing to do needs no grammar. The
trees are libpg_query's JSON (https://github.com/pganalyze/libpg_query): nested objects whose keys name the kinds of
node.
"""

import json
from typing import Any, NamedTuple

Tree = Any
"""A JSON value: its readers look for what they know and pass over the rest."""

COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})


class NotSqlError(ValueError):
    """A script is not SQL; the message is the grammar's, and says where."""


class Token(NamedTuple):
    """A word, name, literal or sign of a script, by the grammar's name for it; ``start`` and ``end`` in characters."""

    name: str
    text: str
    start: int
    end: int


def parse(script: str) -> list[Tree]:
    """Return the statements of ``script``: each has ``stmt``, and its place in bytes (``stmt_location``, ``stmt_len``).

    Raises:
        NotSqlError: the script is not SQL.
    """
    return list(json.loads(ask("parse_sql_json", script)).get("stmts", ()))


def parse_block(statement: str) -> Tree:
    """Return the tree of the PL/pgSQL in a DO statement.

    Raises:
        NotSqlError: the block is not PL/pgSQL.
    """
    return json.loads(ask("parse_plpgsql_json", statement))


def scan(script: str) -> list[Token]:
    """Return the tokens of ``script`` in order, comments aside.

    Raises:
        NotSqlError: a comment, string or name does not end.
    """
    return [
        Token(found.name, script[found.start : found.end + 1], found.start, found.end + 1)
        for found in ask("scan", script)
        if found.name not in COMMENTS
    ]


def ask(function: str, text: str) -> Any:  # noqa: ANN401 - each function of pglast returns its own kind
    """Call a function of pglast.

    Raises:
        NotSqlError: the grammar does not take ``text``.
    """
    from pglast import parser  # noqa: PLC0415 - see above

    try:
        return getattr(parser, function)(text)
    except parser.ParseError as error:
        raise NotSqlError(error.args[0]) from None
