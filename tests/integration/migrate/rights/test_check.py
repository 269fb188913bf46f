# The statements of tests are put together from names of their own.
"""Rights, with real roles: what is missing is named before anything is changed, and what is granted as told suffices.

Invariant 9: a run that cannot be done whole for want of a right changes nothing.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.migrate import (
    DONE,
    FAILED,
    LATE,
    fingerprint,
    is_current,
    ledger,
    migrate,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer
from tests.support.rights import MAY_CREATE, OWN_ALL, extra_folder, statements_of

ALL_TABLES = "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};"
TRIGGER = """CREATE TRIGGER t BEFORE UPDATE ON data
FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();"""
FRESH, OLD, NEW = "database", "late", "whole"


@dataclass(frozen=True)
class Case:
    """A role with too few rights.

    Attributes:
        name: what it lacks.
        start: the fixture of the database: empty, with the first migrations, or with all of LiteLLM's.
        given: what the superuser did before.
        told: parts of statements that have to be named; ``!`` before one that must not be.
        extra: the script of a migration of the operator's own.
        query: parameters of the URL.
    """

    name: str
    start: str
    given: str
    told: tuple[str, ...]
    extra: str = ""
    query: str = ""


CASES = [
    Case(
        "nothing but a login",
        FRESH,
        "",
        ('GRANT CREATE ON SCHEMA "public"', 'CREATE SCHEMA "routeiq" AUTHORIZATION', "!DATABASE"),
    ),
    Case(
        "no right to make schemas", FRESH, "GRANT CREATE ON SCHEMA public TO {role};", ('SCHEMA "routeiq"', "!public")
    ),
    Case(
        "no right to make its own schema",
        FRESH,
        "",
        ('CREATE SCHEMA "my ""own" AUTHORIZATION', 'CREATE SCHEMA "routeiq"'),
        query="schema=my%20%22own",
    ),
    Case(
        "every grant and no ownership",
        OLD,
        ALL_TABLES + "GRANT CREATE ON SCHEMA public TO {role};" + MAY_CREATE,
        ("OWNER TO",),
    ),
    Case(
        "one table is another's",
        OLD,
        OWN_ALL + MAY_CREATE + 'ALTER TABLE "LiteLLM_SpendLogs" OWNER TO postgres;',
        ('ALTER TABLE "public"."LiteLLM_SpendLogs"', "!UserTable"),
    ),
    Case(
        "a ledger that cannot be read",
        OLD,
        OWN_ALL + MAY_CREATE + "ALTER TABLE _prisma_migrations OWNER TO postgres;",
        ('GRANT SELECT ON "public"."_prisma_migrations"', "GRANT INSERT", "GRANT UPDATE"),
    ),
    Case(
        "a ledger that cannot be written",
        OLD,
        OWN_ALL
        + MAY_CREATE
        + "ALTER TABLE _prisma_migrations OWNER TO postgres; GRANT SELECT ON _prisma_migrations TO {role};",
        ("GRANT INSERT", "GRANT UPDATE", "!GRANT SELECT"),
    ),
    Case(
        "no CREATE on the schema",
        OLD,
        OWN_ALL + MAY_CREATE + "REVOKE CREATE ON SCHEMA public FROM {role};",
        ('GRANT CREATE ON SCHEMA "public"',),
    ),
    Case(
        "no USAGE of the schema",
        OLD,
        OWN_ALL
        + MAY_CREATE
        + "REVOKE ALL ON SCHEMA public FROM public, {role}; GRANT CREATE ON SCHEMA public TO {role};",
        ('GRANT USAGE ON SCHEMA "public"',),
    ),
    Case(
        "a schema routeiq of somebody's",
        OLD,
        OWN_ALL + "CREATE SCHEMA routeiq;",
        ('GRANT CREATE ON SCHEMA "routeiq"', 'GRANT USAGE ON SCHEMA "routeiq"'),
    ),
    Case(
        "a ledger of routeiq of somebody's",
        OLD,
        OWN_ALL + "CREATE SCHEMA routeiq; CREATE TABLE routeiq.migration "
        "(name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());",
        ('ON "routeiq"."migration"',),
    ),
    Case(
        "a member that inherits nothing",
        OLD,
        "CREATE ROLE {role}_owner; ALTER ROLE {role} NOINHERIT; GRANT {role}_owner TO {role} WITH INHERIT FALSE;"
        + OWN_ALL.replace("{role}", "{role}_owner")
        + MAY_CREATE,
        ("OWNER TO",),
    ),
    Case(
        "a type of another's",
        OLD,
        OWN_ALL + MAY_CREATE,
        ('ALTER TYPE "JobStatus" OWNER TO',),
        extra="""ALTER TYPE "JobStatus" RENAME VALUE 'ACTIVE' TO 'ON'""",
    ),
    Case(
        "a function of another's",
        OLD,
        OWN_ALL + MAY_CREATE + "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';",
        ("ALTER ROUTINE f(integer) OWNER TO",),
        extra="CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
    ),
    Case(
        "data of another's",
        OLD,
        OWN_ALL + MAY_CREATE + "CREATE TABLE data (id int); ",
        ('GRANT UPDATE ON "public"."data"', 'GRANT SELECT ON "public"."data"', "!OWNER"),
        extra="UPDATE data SET id = 1 WHERE id = 0",
    ),
    Case(
        "another's table in a loop",
        OLD,
        OWN_ALL + MAY_CREATE + "CREATE TABLE data (id int); ",
        ('ALTER TABLE "public"."data" OWNER',),
        extra="DO $$ BEGIN IF true THEN ALTER TABLE data ADD more int; END IF; END $$",
    ),
    Case(
        "another's table behind a key",
        OLD,
        OWN_ALL + MAY_CREATE + "CREATE TABLE data (id int PRIMARY KEY); ",
        ('GRANT REFERENCES ON "public"."data"',),
        extra="CREATE TABLE other (id int REFERENCES data (id))",
    ),
    Case(
        "another's trigger",
        OLD,
        OWN_ALL + MAY_CREATE + "CREATE TABLE data (id int); " + TRIGGER,
        ('ALTER TABLE "public"."data" OWNER',),
        extra="DROP TRIGGER t ON data; " + TRIGGER,
    ),
    Case(
        "a schema of the script's",
        OLD,
        OWN_ALL + "CREATE SCHEMA routeiq AUTHORIZATION {role};",
        ("GRANT CREATE ON DATABASE",),
        extra="CREATE SCHEMA more; CREATE TABLE more.x (id int)",
    ),
    Case("only our own schema is pending", NEW, OWN_ALL, ('CREATE SCHEMA "routeiq" AUTHORIZATION', "!ALTER TABLE")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_missing_is_told_and_suffices(
    server: PostgresServer, request: pytest.FixtureRequest, role: str, case: Case, tmp_path: Path
) -> None:
    """``plan`` and ``up`` name the same statements with one exit code; nothing is changed; once run, ``up`` is done."""
    name = request.getfixturevalue(case.start)
    settings = extra_folder(tmp_path, case.extra) if case.extra else {}
    server.sql(case.given.format(role=role, database=name), database=name)
    url = server.url(name, user=role, password=f"pw-{role}", query=case.query)
    before = fingerprint(server, name), case.start == FRESH or ledger(server, name)

    plan, up = migrate("plan", url=url, **settings), migrate("up", url=url, **settings)

    assert (plan.returncode, up.returncode) == (FAILED, FAILED), plan.stderr + up.stderr
    told = [json.loads(done.stderr.splitlines()[-1])["event"] for done in (plan, up)]
    assert told[0] == told[1]
    assert f"User '{role}' lacks rights" in told[0]
    statements = statements_of(told[0])
    for part in case.told:
        found = [statement for statement in statements if part.removeprefix("!") in statement]
        assert bool(found) is not part.startswith("!"), statements
    assert (fingerprint(server, name), case.start == FRESH or ledger(server, name)) == before
    server.sql("\n".join(statements), database=name)
    done = migrate("up", url=url, **settings)
    assert done.returncode == DONE, done.stderr
    assert migrate("status", url=url, **settings).returncode == DONE


def test_the_plan_is_shown_all_the_same(server: PostgresServer, late: str, role: str) -> None:
    """Where the ledgers can be read, ``plan`` lists what is pending, and the statements below it."""
    server.sql(f"GRANT SELECT ON _prisma_migrations TO {role}", database=late)
    plan = migrate("plan", url=server.url(late, user=role, password=f"pw-{role}"))
    assert plan.returncode == FAILED
    for script in shipped_scripts()[LATE:]:
        assert script.name in plan.stdout.splitlines()
    assert statements_of(plan.stdout) == statements_of(json.loads(plan.stderr.splitlines()[-1])["event"])


def test_a_role_that_the_url_sets_is_the_one_that_counts(server: PostgresServer, late: str, role: str) -> None:
    """The user may become the owner: with ``options`` that makes him so nothing is missing, and all is done."""
    owner = f"{role}_owner"
    server.sql(
        f"CREATE ROLE {owner}; GRANT {owner} TO {role} WITH INHERIT FALSE;"
        + OWN_ALL.format(role=owner)
        + MAY_CREATE.format(role=owner, database=late),
        database=late,
    )
    url = server.url(late, user=role, password=f"pw-{role}", query=f"options=-c%20role%3D{owner}")
    assert "missing rights" not in migrate("plan", url=url).stdout
    done = migrate("up", url=url)
    assert done.returncode == DONE, done.stderr


def test_an_owner_of_all_needs_nothing_more(server: PostgresServer, late: str, role: str) -> None:
    """No right is asked for that the scripts do not need: one who owns the tables and both schemas is let through."""
    server.sql(
        OWN_ALL.format(role=role) + f"CREATE SCHEMA routeiq AUTHORIZATION {role}; "
        'ALTER TYPE "JobStatus" OWNER TO postgres; ALTER SCHEMA public OWNER TO postgres',
        database=late,
    )
    url = server.url(late, user=role, password=f"pw-{role}")
    assert migrate("plan", url=url).returncode == DONE
    assert migrate("up", url=url).returncode == DONE
    assert is_current(server, late)
