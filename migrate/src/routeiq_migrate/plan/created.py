"""What a script creates, read from its parse tree: the proof that an attempt without a trace took effect."""

from collections.abc import Iterator
from dataclasses import dataclass

from routeiq_migrate.plan.destructive import walk
from routeiq_migrate.plan.grammar import Tree, parse


@dataclass(frozen=True, slots=True)
class Created:
    """A table, or an index, column or constraint of ``table``; ``name`` is empty for the table itself."""

    kind: str
    table: str
    name: str = ""

    def __str__(self) -> str:
        return f'{self.kind} "{self.name or self.table}"' + (f' of "{self.table}"' if self.name else "")


def created(script: str) -> tuple[Created, ...]:
    """Return what the statements of ``script`` create, those inside DO blocks aside."""
    return tuple(item for kind, node in walk(parse(script)) for item in from_node(kind, node))


def from_node(kind: str, node: Tree) -> Iterator[Created]:
    """Yield what one node creates."""
    match kind:
        case "CreateStmt":
            yield Created("table", node["relation"]["relname"])
        case "IndexStmt":
            yield Created("index", node["relation"]["relname"], node["idxname"])
        case "AlterTableStmt":
            for item in node["cmds"]:
                command = item["AlterTableCmd"]
                if command["subtype"] == "AT_AddColumn":
                    yield Created("column", node["relation"]["relname"], command["def"]["ColumnDef"]["colname"])
                elif command["subtype"] == "AT_AddConstraint" and "conname" in command["def"]["Constraint"]:
                    yield Created("constraint", node["relation"]["relname"], command["def"]["Constraint"]["conname"])
