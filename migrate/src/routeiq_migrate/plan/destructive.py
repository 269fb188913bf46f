"""Which statements of a script destroy data, read from the parse tree that PostgreSQL's own grammar makes of it.

Code in PL/pgSQL appears as text inside the tree, and is turned into a tree of its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from routeiq_migrate.plan.grammar import Tree, parse, parse_block

DYNAMIC: Final = "EXECUTE of computed SQL"
COMPUTED_TYPE: Final = "ALTER TYPE with a computed USING"
COMPUTED: Final = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
GRANT: Final = re.compile(r"format\('GRANT (?:[^;'%]|%I)*'(?:, *[\w.]+)*\)")
"""A computed statement that cannot be another than a GRANT: all that is put into it is quoted as a name."""


@dataclass(frozen=True, slots=True)
class Danger:
    """A statement that can lose data.

    Attributes:
        line: the line of the script on which its statement begins, from 1.
        what: the kind of loss, in SQL's words.
        table: the table that loses, as written (schema or "", name); None where the script does not say.
        column: the column that loses; None for the whole table.
        new_type: the type a column is changed to, as ``format_type`` spells it; "" where none is.
    """

    line: int
    what: str
    table: tuple[str, str] | None
    column: str | None = None
    new_type: str = ""

    def __str__(self) -> str:
        table = ".".join(part for part in self.table or () if part)
        place = f' "{table}"' if table else ""
        place += f' column "{self.column}"' if self.column else ""
        return f"line {self.line}: {self.what}{place}{f' to {self.new_type}' if self.new_type else ''}"


def dangers(script: str) -> tuple[Danger, ...]:
    """Return what in ``script`` can lose data, in order.

    Raises:
        NotSqlError: the script is not SQL.
    """
    raw = script.encode()
    found: list[Danger] = []
    for entry in parse(script):
        start = entry.get("stmt_location", 0)
        text = (raw[start : start + entry["stmt_len"]] if "stmt_len" in entry else raw[start:]).decode()
        line = 1 + raw[:start].count(b"\n")
        statement = entry["stmt"]
        if "DoStmt" in statement:
            found += in_block(statement["DoStmt"], text, line)
        else:
            found += in_tree(statement, line)
    return tuple(found)


def _query(node: Tree) -> str:
    """Return the expression that a computed statement comes from."""
    return str(node.get("query", {}).get("PLpgSQL_expr", {}).get("query", ""))


def in_block(block: Tree, text: str, line: int) -> Iterator[Danger]:
    """Look into a DO block: every statement in it, a loop's query included, and every computed one."""
    language = next((node["arg"]["String"]["sval"] for _, node in walk(block) if node.get("defname") == "language"), "")
    if language not in ("", "plpgsql"):
        yield Danger(line, f"DO block in {language}", None)
        return
    for kind, node in walk(parse_block(text)):
        at = line + max(node.get("lineno", 1), 1) - 1
        if kind in COMPUTED and GRANT.fullmatch(_query(node)):
            continue
        if kind in COMPUTED or "dynquery" in node:
            yield Danger(at, DYNAMIC, None)
            continue
        for part in node.values():
            expression = part.get("PLpgSQL_expr", {}) if isinstance(part, Mapping) else {}
            # Mode 0 is a whole statement; the others are expressions, which cannot change a table by themselves.
            if expression.get("parseMode") == 0:
                for entry in parse(expression["query"]):
                    yield from in_tree(entry["stmt"], at)


def in_tree(tree: Tree, line: int) -> Iterator[Danger]:
    """Look for destructive nodes anywhere in a statement, a WITH clause included."""
    for kind, node in walk(tree):
        match kind:
            case "DropStmt":
                yield from in_drop(node, line)
            case "TruncateStmt":
                for relation in node["relations"]:
                    yield Danger(line, "TRUNCATE", table_of(relation["RangeVar"]))
            case "DeleteStmt":
                yield Danger(line, "DELETE", table_of(node["relation"]))
            case "MergeStmt" if "CMD_DELETE" in str(node.get("mergeWhenClauses")):
                yield Danger(line, "MERGE with DELETE", table_of(node["relation"]))
            case "DropdbStmt":
                yield Danger(line, "DROP DATABASE", None)
            case "DropOwnedStmt":
                yield Danger(line, "DROP OWNED", None)
            case "AlterTableStmt":
                for command in node["cmds"]:
                    yield from in_alter(command["AlterTableCmd"], table_of(node["relation"]), line)


def in_drop(node: Mapping[str, Tree], line: int) -> Iterator[Danger]:
    """Look at a DROP: tables lose rows; a schema, or a type with CASCADE, takes tables or columns along."""
    match node["removeType"]:
        case "OBJECT_TABLE" | "OBJECT_FOREIGN_TABLE":
            for item in node["objects"]:
                yield Danger(line, "DROP TABLE", named(item["List"]["items"]))
        case "OBJECT_SCHEMA" | "OBJECT_EXTENSION" | "OBJECT_TYPE" | "OBJECT_DOMAIN" as kind:
            if kind == "OBJECT_SCHEMA" or node.get("behavior") == "DROP_CASCADE":
                yield Danger(line, f"DROP {kind.removeprefix('OBJECT_')}", None)


def in_alter(command: Mapping[str, Tree], table: tuple[str, str], line: int) -> Iterator[Danger]:
    """Look at one action of an ALTER TABLE."""
    match command["subtype"]:
        case "AT_DropColumn":
            yield Danger(line, "DROP COLUMN", table, command["name"])
        case "AT_AlterColumnType":
            definition = command["def"]["ColumnDef"]
            new = type_name(definition["typeName"])
            using = definition.get("raw_default")
            what = "ALTER TYPE" if using is None or is_cast(using, command["name"]) else COMPUTED_TYPE
            yield Danger(line, what, table, command["name"], new)


def is_cast(expression: Tree, column: str) -> bool:
    """Whether a USING clause is no more than the column, or the column cast."""
    while "TypeCast" in expression:
        expression = expression["TypeCast"]["arg"]
    fields = expression.get("ColumnRef", {}).get("fields", [{}])
    return bool(fields[-1].get("String", {}).get("sval") == column)


def walk(tree: Tree) -> Iterator[tuple[str, Mapping[str, Tree]]]:
    """Yield every node under ``tree`` with its kind, outer before inner."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if isinstance(value, Mapping):
                yield key, value
            yield from walk(value)
    elif isinstance(tree, Sequence) and not isinstance(tree, str):
        for item in tree:
            yield from walk(item)


def table_of(relation: Mapping[str, Tree]) -> tuple[str, str]:
    """Return schema (or "") and name of a relation."""
    return relation.get("schemaname", ""), relation["relname"]


def named(items: Sequence[Tree]) -> tuple[str, str]:
    """Return schema (or "") and name of a dotted name."""
    parts = [item["String"]["sval"] for item in items]
    return (parts[-2] if len(parts) > 1 else ""), parts[-1]


SPELLING: Final = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}


def type_name(node: Mapping[str, Tree]) -> str:
    """Spell a type as ``format_type`` does, where it matters to ``narrows``."""
    name = node["names"][-1]["String"]["sval"]
    sizes = [str(item["A_Const"].get("ival", {}).get("ival", 0)) for item in node.get("typmods", ())]
    size = f"({','.join(sizes)})" if sizes else ""
    word, space, rest = str(SPELLING.get(name, name)).partition(" ")
    # timestamp(3) without time zone, but character varying(3)
    spelled = f"{word}{size}{space}{rest}" if word == "timestamp" else f"{word}{space}{rest}{size}"
    return spelled + "[]" * len(node.get("arrayBounds", ()))


RANKS: Final = {"smallint": 1, "integer": 2, "bigint": 3, "numeric": 4}
FLOATS: Final = {"real": 1, "double precision": 2}
ANYTHING_FITS: Final = frozenset({"text", "character varying"})


def narrows(old: str, new: str) -> bool:
    """Whether a column's change of type can lose something; both as ``format_type`` spells them.

    A change of type counts as narrowing unless it is known to widen.
    """
    if old == new or new in ANYTHING_FITS or new == old.partition("(")[0]:
        return False
    for ranks in (RANKS, FLOATS):
        if old in ranks and new in ranks:
            return ranks[old] > ranks[new]
    old_base, _, old_size = old.partition("(")
    new_base, _, new_size = new.partition("(")
    if old_base == new_base == "character varying" and old_size and new_size:
        return int(old_size.rstrip(")")) > int(new_size.rstrip(")"))
    return (old, new) not in {("json", "jsonb"), ("date", "timestamp without time zone")}
