"""``wait`` blocks until the database is current."""

from pathlib import Path

from tests.support.migrate import (
    BEHIND,
    DONE,
    LATE,
    ledger,
    migrate,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment, running


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
