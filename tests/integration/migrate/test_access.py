# The statements of tests are put together from names of their own.
"""Each way a database can keep us out or hold us up, and what comes of it (invariant 10: no secret is printed)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tests.support.migrate import (
    BAD_SETTINGS,
    BEHIND,
    DONE,
    FAILED,
    LOCK_TIMEOUT,
    REFUSED,
    UNREACHABLE,
    ledger,
    migrate,
    rows_of,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment, running

LATE = 200
"""How many migrations the fixture ``late`` holds."""

History = Callable[[int], str]


def test_missing_rights_are_named(server: PostgresServer, late: str) -> None:
    """A user who does not own the tables: the migration fails, is rolled back, and the advice names the user."""
    server.sql(
        "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'guest'; "
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest; GRANT CREATE ON SCHEMA public TO guest",
        database=late,
    )
    before = ledger(server, late)
    done = migrate("up", url=server.url(late, user="guest", password="guest"))
    assert done.returncode == FAILED
    assert "42501" in done.stderr
    assert "owner" in done.stderr
    assert "'guest'" in done.stderr
    assert ledger(server, late) == before
    server.sql("DROP OWNED BY guest; DROP ROLE guest", database=late)


def test_a_read_only_database_is_refused(server: PostgresServer, late: str) -> None:
    """What a standby or a locked database shows: refused before anything is tried, and the writer asked for."""
    server.sql(f'ALTER DATABASE "{late}" SET default_transaction_read_only = on')
    done = migrate("up", url=server.url(late))
    assert done.returncode == REFUSED
    assert "read-only" in done.stderr
    assert len(ledger(server, late)) == LATE


def test_a_wrong_password_is_reported_at_once_and_never_printed(server: PostgresServer, database: str) -> None:
    """No waiting for what time does not cure; and neither the wrong nor an odd password appears anywhere."""
    for password in ("pa ss@word#1/%?", "grüße'\"\\$(x)", "plain-secret"):
        done = migrate("up", "--wait", "60", url=server.url(database, password=password))
        assert done.returncode == UNREACHABLE
        assert "password" in done.stderr
        assert password not in done.stderr + done.stdout
        assert server.url(database, password=password) not in done.stderr + done.stdout


def test_an_odd_password_works(server: PostgresServer, late: str) -> None:
    """A percent-encoded password with every kind of character lets us in, and stays out of what is printed."""
    password = "a b@c:d/e?f#g%h&i=j+k'l\"m\\n"
    server.sql(f"DROP ROLE IF EXISTS odd; CREATE ROLE odd SUPERUSER LOGIN PASSWORD $p${password}$p$")
    done = migrate("up", url=server.url(late, user="odd", password=password))
    assert done.returncode == DONE, done.stderr
    assert password not in done.stderr + done.stdout


def test_an_unencoded_password_is_not_quoted_back() -> None:
    """A URL that cannot be taken apart is refused without a word of it."""
    for url in ("postgresql://u:se#cret@h/d", "postgresql://u:se/cret@h/d", "postgresql://u:se?cret@h/d"):
        done = migrate("up", url=url)
        assert done.returncode == BAD_SETTINGS
        assert "ercent-encode" in done.stderr
        assert "cret" not in done.stderr.replace("secret", "") + done.stdout


def test_an_unknown_host_is_named() -> None:
    """The name resolves to nothing: named, after the limit on waiting."""
    done = migrate("up", "--wait", "0", url="postgresql://u:hidden@nowhere.invalid/d")
    assert done.returncode == UNREACHABLE
    assert "nowhere.invalid" in done.stderr
    assert "hidden" not in done.stderr


def test_no_database_and_no_right_to_create_it(server: PostgresServer) -> None:
    """The database is missing and the user may not create it: said, with exit 3. Only ``up`` creates one."""
    server.sql("DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN PASSWORD 'poor'")
    done = migrate("up", url=server.url("missing", user="poor", password="poor"))
    assert done.returncode == UNREACHABLE
    assert "'missing'" in done.stderr
    assert "Create it by hand" in done.stderr
    assert migrate("status", url=server.url("missing")).returncode == UNREACHABLE
    assert migrate("wait", "--limit", "0.5", url=server.url("missing")).returncode == BEHIND
    assert server.sql("SELECT count(*) FROM pg_database WHERE datname = 'missing'") == ["0"]
    server.sql("DROP ROLE poor")


def test_a_statement_timeout_can_be_repeated(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """The server cancels a script: rolled back with its row, the setting named; the next run completes."""
    script = shipped_scripts()[LATE]
    folder = tmp_path / "migrations" / "20990101000000_slow"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT pg_sleep(current_setting('test.sleep', true)::int)")
    server.sql(f'ALTER DATABASE "{late}" SET statement_timeout = \'300ms\'; ALTER DATABASE "{late}" SET test.sleep = 5')
    extra = {"LITELLM_MIGRATION_DIR": str(tmp_path)}
    done = migrate("up", url=server.url(late), **extra)
    assert done.returncode == FAILED
    assert "statement_timeout" in done.stderr
    assert rows_of(server, late, script) == ["t|f|1|NULL"]
    assert not [line for line in ledger(server, late) if line.startswith("20990101")]
    server.sql(f'ALTER DATABASE "{late}" RESET statement_timeout; ALTER DATABASE "{late}" SET test.sleep = 0')
    assert migrate("up", url=server.url(late), **extra).returncode == DONE


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('CREATE UNIQUE INDEX u ON "LiteLLM_Config" (param_value)', "could not create unique index"),
        ("""SELECT (param_value #>> '{}')::int FROM "LiteLLM_Config" c""", "invalid input syntax for type integer"),
        ("""SELECT (param_value #>> '{}')::date FROM "LiteLLM_Config" c""", "invalid input syntax for type date"),
    ],
)
def test_rows_that_the_server_quotes_are_not_printed(
    server: PostgresServer, late: str, tmp_path: Path, script: str, reason: str
) -> None:
    """PostgreSQL quotes data, keys for one, in its DETAIL and of a value it cannot read: neither is printed."""
    folder = tmp_path / "migrations" / "20990101000000_bad"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(script)
    server.sql(
        'INSERT INTO "LiteLLM_Config" (param_name, param_value) '
        "VALUES ('a', '\"sk-hidden \\\" sk-hidden\"'), ('b', '\"sk-hidden \\\" sk-hidden\"')",
        database=late,
    )
    done = migrate("up", url=server.url(late), LITELLM_MIGRATION_DIR=str(tmp_path), LOG_LEVEL="DEBUG")
    assert done.returncode == FAILED
    assert reason in done.stderr
    assert "sk-hidden" not in done.stderr + done.stdout


def test_a_ledger_that_may_not_be_read_is_an_error_not_a_traceback(server: PostgresServer, late: str) -> None:
    """A user without any right: every command ends with a sentence and an exit code of its own."""
    server.sql("DROP ROLE IF EXISTS nobody_here; CREATE ROLE nobody_here LOGIN PASSWORD 'n'", database=late)
    for command in ("up", "status", "plan"):
        done = migrate(command, url=server.url(late, user="nobody_here", password="n"))
        assert done.returncode == FAILED
        assert "permission denied" in done.stderr
        assert "Traceback" not in done.stderr
    server.sql("DROP ROLE nobody_here", database=late)


def test_a_lock_held_by_another_is_waited_for_with_a_limit(server: PostgresServer, late: str) -> None:
    """Whoever holds LiteLLM's or Prisma's lock is waited for, and after the limit the exit code says so."""

    async def held(key: int) -> None:
        other = await asyncpg.connect(server.url(late))
        try:
            await other.execute(f"SELECT pg_advisory_lock({key})")
            done = await asyncio.to_thread(migrate, "up", url=server.url(late), LITELLM_MIGRATION_LOCK_TIMEOUT="0.5")
            assert done.returncode == LOCK_TIMEOUT
            assert "LITELLM_MIGRATION_LOCK_TIMEOUT" in done.stderr
        finally:
            await other.close()

    for key in (int.from_bytes(b"llm_mig2", "big"), 72707369):
        asyncio.run(held(key))
    assert len(ledger(server, late)) == LATE


def test_prismas_lock_can_be_disabled(server: PostgresServer, late: str) -> None:
    """``PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK`` means here what it means to Prisma."""

    async def held() -> None:
        other = await asyncpg.connect(server.url(late))
        try:
            await other.execute("SELECT pg_advisory_lock(72707369)")
            done = await asyncio.to_thread(
                migrate, "up", url=server.url(late), PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK="true"
            )
            assert done.returncode == DONE, done.stderr
        finally:
            await other.close()

    asyncio.run(held())


def test_wait_ends_when_the_migration_has(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """``wait`` blocks while behind, changes nothing, ends with 0 once current, and with 1 at its limit."""
    url = server.url(late)
    assert migrate("wait", "--limit", "0.2", url=url).returncode == BEHIND
    assert len(ledger(server, late)) == LATE
    environment = clean_environment(DATABASE_URL=url)
    with running(["routeiq-migrate", "wait"], output=tmp_path / "out", environment=environment) as waiting:
        waiting.wait_for_text("waiting for the migration")
        assert migrate("up", url=url).returncode == DONE
        assert waiting.wait_for_exit(seconds=20) == DONE


def test_bad_settings_name_the_setting(server: PostgresServer) -> None:
    """A value that cannot work: exit 2, and the message names the variable and what was expected."""
    for name, value in (
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("LITELLM_MIGRATION_LOCK_TIMEOUT", "soon"),
        ("ROUTEIQ_LARGE_TABLE_MB", "-1"),
        ("DISABLE_SCHEMA_UPDATE", "perhaps"),
        ("LLMROUTER_OTEL_SAMPLE_RATE", "2"),
        ("DATABASE_URL", "mysql://x"),
        ("DIRECT_URL", "postgresql://h:99999/d"),
    ):
        done = migrate("up", url=None, **{"DATABASE_URL": server.url(), name: value})
        assert done.returncode == BAD_SETTINGS, name
        assert name in done.stderr
        assert "expected" in done.stderr or "must be" in done.stderr


def test_arguments_that_cannot_work_end_like_settings(server: PostgresServer) -> None:
    """Exit 2 as well, before the database is asked for anything."""
    for arguments in (["up", "--wait", "nan"], ["wait", "--limit", "-1"], ["resolve"], ["downgrade"], []):
        done = migrate(*arguments, url=server.url())
        assert done.returncode == BAD_SETTINGS, arguments
        assert "usage: routeiq-migrate" in done.stderr


def test_a_folder_without_a_script_is_refused(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """Prisma's P3015."""
    (tmp_path / "migrations" / "20990101000000_empty").mkdir(parents=True)
    done = migrate("up", url=server.url(late), LITELLM_MIGRATION_DIR=str(tmp_path))
    assert done.returncode == REFUSED
    assert "20990101000000_empty" in done.stderr
    assert len(ledger(server, late)) == LATE
