"""Rights that are missing, each as the statement that grants it.

An object that is not there needs no right: what an earlier script of the same plan makes belongs to its maker.
"""

from collections.abc import Callable, Iterable

import asyncpg

from routeiq_migrate.database.session import Database, identifier, primary
from routeiq_migrate.errors import MissingRightsError
from routeiq_migrate.plan.needs import OWN, Need

# Role membership counts as it does for the server itself: with what a role inherits, and after a SET ROLE.
USER = """SELECT current_user AS name, rolsuper, current_database() AS database,
has_database_privilege(current_database(), 'CREATE') AS may_create FROM pg_roles WHERE rolname = current_user"""

SCHEMAS = """SELECT n.name, n.wanted, s.oid IS NULL AS missing, CASE WHEN n.wanted = 'OWNER'
    THEN pg_has_role(s.nspowner, 'USAGE') ELSE has_schema_privilege(s.oid, n.wanted) END AS granted
FROM unnest($1::text[], $2::text[]) AS n(name, wanted) LEFT JOIN pg_namespace s ON s.nspname = n.name"""

# The owner of an index is that of its table.
RELATIONS = """SELECT DISTINCT ts.nspname AS schema, t.relname AS name, n.wanted
FROM unnest($1::text[], $2::text[], $3::text[]) AS n(schema, name, wanted)
JOIN pg_namespace s ON s.nspname = n.schema JOIN pg_class c ON c.relnamespace = s.oid AND c.relname = n.name
LEFT JOIN pg_index x ON x.indexrelid = c.oid JOIN pg_class t ON t.oid = coalesce(x.indrelid, c.oid)
JOIN pg_namespace ts ON ts.oid = t.relnamespace
WHERE NOT CASE WHEN n.wanted = 'OWNER' THEN pg_has_role(t.relowner, 'USAGE')
    WHEN n.wanted IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') THEN has_any_column_privilege(t.oid, n.wanted)
    ELSE has_table_privilege(t.oid, n.wanted) END
ORDER BY 1, 2, 3"""

DEFINED = """SELECT 'TYPE ' || t.oid::regtype AS what FROM unnest($1::text[], $2::text[]) AS n(schema, name)
JOIN pg_namespace s ON s.nspname = n.schema JOIN pg_type t ON t.typnamespace = s.oid AND t.typname = n.name
WHERE NOT pg_has_role(t.typowner, 'USAGE')
UNION SELECT 'ROUTINE ' || p.oid::regprocedure FROM unnest($3::text[], $4::text[]) AS n(schema, name)
JOIN pg_namespace s ON s.nspname = n.schema JOIN pg_proc p ON p.pronamespace = s.oid AND p.proname = n.name
WHERE NOT pg_has_role(p.proowner, 'USAGE') ORDER BY 1"""

EXTENSIONS = """SELECT e.name, bool_or(v.trusted) AS trusted FROM pg_available_extensions e
JOIN pg_available_extension_versions v ON v.name = e.name
WHERE e.name = ANY ($1::text[]) AND e.installed_version IS NULL GROUP BY e.name ORDER BY e.name"""


async def require(database: Database, needs: Callable[[], Iterable[Need]], purpose: str) -> None:
    """See that the user has the rights that ``needs`` tells.

    Args:
        database: the session.
        needs: tells the rights; not asked for a superuser, since it may read every script.
        purpose: what they are needed for.

    Raises:
        MissingRightsError: names the statements that grant what is missing.
    """
    statements = await missing_rights(database, needs)
    if statements:
        raise MissingRightsError(await missing_text(database, statements, purpose))


async def missing_text(database: Database, statements: list[str], purpose: str) -> str:
    """Say what has to be granted."""
    user = await database.connection.fetchval("SELECT current_user")
    listed = "\n".join(f"  {statement}" for statement in statements)
    return (
        f"User {user!r} lacks rights for {purpose}: permission denied (SQLSTATE 42501), and nothing was changed. Have "
        f"the owner of what is named, or a superuser, run this in the database, then run again:\n{listed}"
    )


async def missing_rights(database: Database, needs: Callable[[], Iterable[Need]]) -> list[str]:
    """Return the statements that grant those of ``needs`` that are missing, in an order in which they can be run."""
    connection, schema = database.connection, database.target.schema
    [user] = await connection.fetch(USER)
    if user["rolsuper"]:
        return []
    wanted = {Need(need.kind, need.right, need.schema or schema, need.name) for need in needs()}
    name = identifier(user["name"])
    create_database = f"GRANT CREATE ON DATABASE {identifier(user['database'])} TO {name};"
    grants = [create_database] if not user["may_create"] and any(n.kind == "database" for n in wanted) else []
    grants += await missing_in_schemas(database, wanted, name, may_create=user["may_create"])
    relations = [need for need in wanted if need.kind == "relation"]
    found = await connection.fetch(
        RELATIONS, [n.schema for n in relations], [n.name for n in relations], [n.right for n in relations]
    )
    to_own = {(record["schema"], record["name"]) for record in found if record["wanted"] == "OWNER"}
    for record in found:
        table = f"{identifier(record['schema'])}.{identifier(record['name'])}"
        if record["wanted"] == "OWNER":
            grants.append(f"ALTER TABLE {table} OWNER TO {name};")
        elif (record["schema"], record["name"]) not in to_own:
            grants.append(f"GRANT {record['wanted']} ON {table} TO {name};")
    defined = [[n for n in wanted if n.kind == kind] for kind in ("type", "function")]
    if any(defined):
        lists = [[getattr(n, key) for n in part] for part in defined for key in ("schema", "name")]
        grants += [f"ALTER {record['what']} OWNER TO {name};" for record in await connection.fetch(DEFINED, *lists)]
    extensions = [need.name for need in wanted if need.kind == "extension"]
    for record in await connection.fetch(EXTENSIONS, extensions) if extensions else ():
        if not record["trusted"]:
            grants.append(f"CREATE EXTENSION IF NOT EXISTS {identifier(record['name'])};")
        elif not user["may_create"]:
            grants.append(create_database)
    return list(dict.fromkeys(grants))


async def missing_in_schemas(database: Database, wanted: set[Need], user: str, *, may_create: bool) -> list[str]:
    """Return the statements for the schemas: a missing one is made for the user, which asks for less than all rights.

    Args:
        database: the session.
        wanted: the needs, with their schemas.
        user: the user's name, quoted.
        may_create: whether the user may create schemas.
    """
    pairs = {(need.schema, need.right) for need in wanted if need.kind == "schema"}
    pairs |= {(need.schema, "USAGE") for need in wanted if need.kind in ("schema", "relation", "type", "function")}
    names, rights = zip(*sorted(pairs), strict=True) if pairs else ((), ())
    grants = []
    for record in await database.connection.fetch(SCHEMAS, names, rights):
        schema = identifier(record["name"])
        if record["missing"]:
            # A schema that a script makes itself must not be there before it.
            made_here = record["name"] in (OWN, database.target.schema) and (record["name"], "CREATE") in pairs
            if made_here and not may_create:
                grants.append(f"CREATE SCHEMA {schema} AUTHORIZATION {user};")
        elif not record["granted"]:
            owner = record["wanted"] == "OWNER"
            grants.append(
                f"ALTER SCHEMA {schema} OWNER TO {user};"
                if owner
                else f"GRANT {record['wanted']} ON SCHEMA {schema} TO {user};"
            )
    return grants


async def reason_with_grants(database: Database, error: asyncpg.PostgresError, schema: str, relation: str) -> str:
    """Return the server's words on what could not be done with ``relation``, and the statements that would allow it."""
    words = primary(error)
    if not isinstance(error, asyncpg.InsufficientPrivilegeError):
        return words
    wanted = (Need("relation", "OWNER", schema, relation), Need("schema", "CREATE", schema))
    statements = await missing_rights(database, lambda: wanted)
    return f"{words}; have a superuser run {' '.join(statements)} and run again" if statements else words
