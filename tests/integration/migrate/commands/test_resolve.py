"""``resolve`` does what the messages promise of it."""

from collections.abc import Callable

from tests.support.migrate import DONE, LATE, Script, failed_row, migrate, shipped_scripts
from tests.support.postgres import PostgresServer


def test_a_failed_row_of_another_release_is_resolved_either_way(
    server: PostgresServer, database: str, history: Callable[[int], str]
) -> None:
    """P3009 for a migration that is not on disk: both commands that the message names do what it says."""
    gone = Script("20240101000000_gone", shipped_scripts()[0].path)
    for how in ("--applied", "--rolled-back"):
        server.drop_database(database)
        server.create_database(database, template=history(LATE))
        server.sql(failed_row(gone, logs="'boom'"), database=database)
        url = server.url(database)
        stopped = migrate("up", url=url)
        assert "P3009" in stopped.stderr
        assert f"{how} '{gone.name}'" in stopped.stderr
        assert migrate("resolve", how, gone.name, url=url).returncode == DONE
        assert migrate("up", url=url).returncode == DONE
