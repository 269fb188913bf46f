"""The rights that a script needs, read from its parse tree; what only running it tells (computed SQL) is left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from routeiq_migrate.plan.destructive import named, walk
from routeiq_migrate.plan.grammar import NotSqlError, Tree, parse, parse_block
from routeiq_migrate.plan.migration import Ledgers
from routeiq_migrate.plan.plan import Apply, Plan


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A right on an object, if that object exists when the scripts are run.

    Attributes:
        kind: ``database``, ``schema``, ``relation`` (tables, indexes, views), ``type``, ``function`` or ``extension``.
        right: ``OWNER``, or a privilege as GRANT names it.
        schema: the object's schema as written; "" for LiteLLM's.
        name: the object's name; a schema's own name stands in ``schema``.
    """

    kind: str
    right: str
    schema: str = ""
    name: str = ""


MAKES: Final = frozenset(
    {
        *("CreateStmt", "CreateTableAsStmt", "ViewStmt", "CreateSeqStmt", "CreateEnumStmt", "CreateDomainStmt"),
        *("CompositeTypeStmt", "CreateRangeStmt", "CreateFunctionStmt", "CreateForeignTableStmt"),
    }
)
"""Statements that put something into a schema."""

OWNS: Final = frozenset({"AlterTableStmt", "IndexStmt", "RenameStmt", "RuleStmt", "AlterSeqStmt", "CreatePolicyStmt"})
"""Statements on a relation that its owner alone may run, whatever was granted to others."""

WRITES: Final = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "CreateTrigStmt": "TRIGGER"}
READS: Final = frozenset(
    {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "ViewStmt", "CreateTableAsStmt"}
)
DROPS: Final = {
    **dict.fromkeys(("TABLE", "FOREIGN_TABLE", "INDEX", "VIEW", "MATVIEW", "SEQUENCE"), "relation"),
    **dict.fromkeys(("TRIGGER", "POLICY", "RULE"), "part"),
    **dict.fromkeys(("TYPE", "DOMAIN"), "type"),
    "SCHEMA": "schema",
    **dict.fromkeys(("FUNCTION", "PROCEDURE", "ROUTINE"), "function"),
}


OWN = "routeiq"
LEDGER = "_prisma_migrations"

READ_LEDGERS: Final = frozenset({Need("relation", "SELECT", "", LEDGER), Need("relation", "SELECT", OWN, "migration")})
"""What every command needs."""

WRITE_LEDGER: Final = frozenset({Need("relation", right, "", LEDGER) for right in ("SELECT", "INSERT", "UPDATE")})


def needs_of_plan(plan: Plan, ledgers: Ledgers) -> frozenset[Need]:
    """Return the rights that ``plan`` needs, the ledgers' rows included."""
    found: set[Need] = set()
    if plan.steps:
        found |= WRITE_LEDGER if ledgers.rows is not None else {Need("schema", "CREATE")}
    for step in plan.steps:
        if isinstance(step, Apply):
            # LiteLLM's own scripts touch nothing but what they made.
            own_only = ledgers.fresh and step.migration.shipped
            found |= {Need("schema", "CREATE")} if own_only else needs(step.migration.script)
    if plan.own:
        found |= {Need("relation", right, OWN, "migration") for right in ("SELECT", "INSERT")}
        found |= {Need("schema", "CREATE", OWN)} if ledgers.own is None else set()
    for migration in plan.own:
        found |= needs(migration.script)
    return frozenset(found)


def needs(script: str) -> frozenset[Need]:
    """Return the rights that ``script`` needs; none for a text that is not SQL, which the server is left to judge."""
    try:
        return frozenset(need for tree in statements(script) for need in of_statement(tree))
    except NotSqlError:
        return frozenset()


def tables_of(script: str) -> frozenset[str]:
    """Return the names of the relations that ``script`` changes or reads."""
    return frozenset(need.name for need in needs(script) if need.kind == "relation")


def statements(script: str) -> Iterator[Tree]:
    """Yield the statements of ``script``, and those that stand as they are in its DO blocks.

    Raises:
        NotSqlError: the script is not SQL.
    """
    raw = script.encode()
    for entry in parse(script):
        statement, start = entry["stmt"], entry.get("stmt_location", 0)
        if "DoStmt" not in statement:
            yield statement
            continue
        text = (raw[start : start + entry["stmt_len"]] if "stmt_len" in entry else raw[start:]).decode()
        try:
            for kind, node in walk(parse_block(text)):
                if kind == "PLpgSQL_expr" and node.get("parseMode") == 0:
                    yield from (inner["stmt"] for inner in parse(node["query"]))
        except NotSqlError:
            continue  # a block in another language


def of_statement(tree: Tree) -> Iterator[Need]:
    """Yield what one statement needs."""
    [(kind, node)] = tree.items()
    yield from of_relation(kind, node)
    yield from of_object(kind, node)
    for inner, part in walk(tree):
        yield from of_part(kind, inner, part)


def of_relation(kind: str, node: Mapping[str, Tree]) -> Iterator[Need]:
    """Yield what a statement needs on the relation that it makes or changes."""
    relation = node.get("table" if kind == "CreatePolicyStmt" else "relation") or {}
    if kind in MAKES and relation.get("relpersistence") != "t":
        yield Need("schema", "CREATE", made_in(kind, node))
    if kind in OWNS and relation:
        yield Need("relation", "OWNER", *place(relation))
    if kind in ("IndexStmt", "RenameStmt") and relation:
        yield Need("schema", "CREATE", relation.get("schemaname", ""))


def of_object(kind: str, node: Mapping[str, Tree]) -> Iterator[Need]:
    """Yield what a statement needs on objects of other kinds, or on several."""
    match kind:
        case "CreateSchemaStmt":
            yield Need("database", "CREATE")
        case "CreateExtensionStmt":
            yield Need("extension", "CREATE", name=node["extname"])
        case "CreateFunctionStmt" if node.get("replace"):
            yield Need("function", "OWNER", *named(node["funcname"]))
        case "AlterEnumStmt":
            yield Need("type", "OWNER", *named(node["typeName"]))
        case "RenameStmt" if node["renameType"] == "OBJECT_TYPE":
            yield Need("type", "OWNER", *named(node["object"]["List"]["items"]))
        case "DropStmt":
            yield from of_drop(node)
        case "TruncateStmt":
            for item in node["relations"]:
                yield Need("relation", "TRUNCATE", *place(item["RangeVar"]))


def of_part(kind: str, inner: str, part: Mapping[str, Tree]) -> Iterator[Need]:
    """Yield what a node inside a statement of ``kind`` needs: what it reads, writes, or refers to."""
    if inner in WRITES:
        yield Need("relation", WRITES[inner], *place(part["relation"]))
        if "whereClause" in part:
            yield Need("relation", "SELECT", *place(part["relation"]))
    elif inner == "RangeVar" and kind in READS:
        yield Need("relation", "SELECT", *place(part))
    elif inner == "RangeVar" and kind == "CreateStmt":  # what it inherits from, or is a partition of
        yield Need("relation", "OWNER", *place(part))
    elif inner == "pktable":
        yield Need("relation", "REFERENCES", *place(part))


def made_in(kind: str, node: Mapping[str, Tree]) -> str:
    """Return the schema, as written, of what a statement makes."""
    for key in ("funcname", "typeName", "domainname"):
        if isinstance(node.get(key), list):
            return named(node[key])[0]
    relation = node.get("view") or node.get("sequence") or node.get("typevar") or node.get("relation") or {}
    if kind == "CreateTableAsStmt":
        relation = node["into"]["rel"]
    return str(relation.get("schemaname", "") or node.get("base", {}).get("relation", {}).get("schemaname", ""))


def of_drop(node: Mapping[str, Tree]) -> Iterator[Need]:
    """Yield what a DROP needs: ownership of the object, or of the table that it is a part of."""
    kind = DROPS.get(node["removeType"].removeprefix("OBJECT_"), "")
    for item in node["objects"]:
        if kind == "type":
            yield Need(kind, "OWNER", *named(item["TypeName"]["names"]))
        elif kind == "function":
            yield Need(kind, "OWNER", *named(item["ObjectWithArgs"]["objname"]))
        elif kind == "part":
            yield Need("relation", "OWNER", *named(item["List"]["items"][:-1]))
        elif kind == "schema":
            yield Need(kind, "OWNER", item["String"]["sval"])
        elif kind:
            yield Need(kind, "OWNER", *named(item["List"]["items"]))


def place(relation: Mapping[str, Tree]) -> tuple[str, str]:
    """Return schema (or "") and name of a relation."""
    return relation.get("schemaname", ""), relation["relname"]
