"""Settings and arguments: what they turn off, and what is refused before the database is asked."""

from tests.support.migrate import (
    BAD_SETTINGS,
    migrate,
)
from tests.support.postgres import PostgresServer


def test_without_a_database_there_is_nothing_to_do() -> None:
    """Every command a container starts with says so and succeeds."""
    for command in ("up", "wait", "status"):
        done = migrate(command, url=None)
        assert done.returncode == 0
        assert "nothing to do" in done.stdout


def test_somebody_else_migrates(server: PostgresServer, database: str) -> None:
    """LiteLLM's ``DISABLE_SCHEMA_UPDATE`` keeps ``up`` from changing anything."""
    done = migrate("up", url=server.url(database), DISABLE_SCHEMA_UPDATE="true")
    assert done.returncode == 0
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=database) == ["0"]


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


def test_an_unencoded_password_is_not_quoted_back() -> None:
    """A URL that cannot be taken apart is refused without a word of it."""
    for url in ("postgresql://u:se#cret@h/d", "postgresql://u:se/cret@h/d", "postgresql://u:se?cret@h/d"):
        done = migrate("up", url=url)
        assert done.returncode == BAD_SETTINGS
        assert "ercent-encode" in done.stderr
        assert "cret" not in done.stderr.replace("secret", "") + done.stdout
