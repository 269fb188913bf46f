# The statements of tests are put together from names of their own.
# ruff: noqa: S608
"""Running ``routeiq-migrate`` as a process, and an independent way to the same schema to compare it with."""

import hashlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.support.postgres import PostgresServer
from tests.support.processes import REPOSITORY, SCRIPTS, clean_environment

DONE, BEHIND, BAD_SETTINGS, UNREACHABLE, FAILED, REFUSED, LOCK_TIMEOUT = range(7)
"""The exit codes, as documented."""

LATE = 200
"""How many migrations the fixture ``late`` holds: most tests start there, so that little is left to apply."""

COMMAND = str(SCRIPTS / "routeiq-migrate")

CREATE_LEDGER = """CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL,
 finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
 started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0);"""

FINGERPRINT = """
SELECT md5(string_agg(fact, E'\\n' ORDER BY fact)) FROM (
    SELECT format('%s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                  pg_get_expr(d.adbin, d.adrelid)) AS fact
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    UNION ALL SELECT pg_get_indexdef(indexrelid) || indisvalid FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
    WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT conrelid::regclass || conname || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT tgisinternal AND c.relnamespace = 'public'::regnamespace) facts
"""

REQUEST_LOG_INDEXES = """
CREATE INDEX "LiteLLM_SpendLogs_api_key_startTime_idx" ON "LiteLLM_SpendLogs" ("api_key", "startTime");
CREATE INDEX "LiteLLM_SpendLogs_litellm_call_id_idx" ON "LiteLLM_SpendLogs" ("litellm_call_id");
"""


@dataclass(frozen=True)
class Script:
    """One of LiteLLM's migrations, read here without the code under test."""

    name: str
    path: Path

    @property
    def checksum(self) -> str:
        """What Prisma records."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def recorded(self) -> str:
        """The statement that records the script as Prisma does after a success."""
        return (
            "INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) "
            f"VALUES (gen_random_uuid(), '{self.checksum}', '{self.name}', now(), 1);\n"
        )


def shipped_scripts() -> list[Script]:
    """Return LiteLLM's migrations in the order of their names' bytes."""
    spec = find_spec("litellm_proxy_extras")
    assert spec is not None
    assert spec.origin is not None
    paths = (Path(spec.origin).parent / "migrations").glob("*/migration.sql")
    return sorted((Script(path.parent.name, path) for path in paths), key=lambda script: script.name.encode())


def own_names() -> list[str]:
    """Return the names under which our own migrations are reported, in order."""
    folder = REPOSITORY / "migrate/src/routeiq_migrate/sql"
    return [f"routeiq/{path.stem}" for path in sorted(folder.glob("*.sql"))]


def migrate(*arguments: str, url: str | None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    settings = environment if url is None else {"DATABASE_URL": url, **environment}
    return subprocess.run(
        [COMMAND, *arguments],
        env=clean_environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def apply_with_psql(server: PostgresServer, database: str, scripts: Sequence[Script], *, indexes: bool = True) -> None:
    """Apply scripts by feeding their files to ``psql`` in order, in one session, and record them.

    ``psql`` sends each statement on its own, outside any transaction, so that CONCURRENTLY works as it stands.
    """
    feed = [CREATE_LEDGER, "\n"]
    for script in scripts:
        feed += [f"\\i '{script.path}'\n", script.recorded]
    if indexes:
        feed.append(REQUEST_LOG_INDEXES)
    server.sql("".join(feed), database=database)


def schema_dump(server: PostgresServer, database: str, *options: str) -> str:
    """Return the schema as ``pg_dump`` writes it, without its random keys and without schema ``routeiq``."""
    dump = server.run("pg_dump", "-s", "-N", "routeiq", *options, database=database).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)


def ledger(server: PostgresServer, database: str, schema: str = "public") -> list[str]:
    """Return what the ledger says of each migration, in the order they started, ids and instants aside."""
    return server.sql(
        "SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, "
        f"applied_steps_count, coalesce(logs, 'NULL') FROM \"{schema}\"._prisma_migrations ORDER BY started_at, "
        'migration_name COLLATE "C"',
        database=database,
    )


def failed_row(script: Script, *, logs: str = "NULL", steps: int = 0) -> str:
    """Return the statement that leaves a failed row as Prisma does; ``logs`` is an SQL literal."""
    return (
        "INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, applied_steps_count) "
        f"VALUES (gen_random_uuid(), '{script.checksum}', '{script.name}', {logs}, {steps})"
    )


def rows_of(server: PostgresServer, database: str, script: Script) -> list[str]:
    """Return finished, rolled back, steps and logs of every row of ``script``, oldest first."""
    return [line.split("|", 2)[2] for line in ledger(server, database) if line.startswith(f"{script.name}|")]


def is_current(server: PostgresServer, database: str) -> bool:
    """Whether every shipped migration is applied exactly once."""
    lines = [line.split("|") for line in ledger(server, database)]
    applied = sorted(line[0] for line in lines if line[2] == "t" and line[3] == "f")
    return applied == sorted(script.name for script in shipped_scripts())


def fingerprint(server: PostgresServer, database: str) -> str:
    """Return a digest of every column, index, constraint and trigger of schema ``public``."""
    return server.sql(FINGERPRINT, database=database)[0]


REQUEST_LOG = ("LiteLLM_SpendLogs_api_key_startTime_idx", "LiteLLM_SpendLogs_litellm_call_id_idx")
"""The names of the request-log indexes."""


def index_state(server: PostgresServer, database: str, name: str) -> list[str]:
    """Return whether the index is valid; empty when there is none."""
    return server.sql(
        f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('\"{name}\"')", database=database
    )
