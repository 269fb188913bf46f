"""A streaming replica of a test's PostgreSQL: following, cut off, promoted."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.postgres import NOBODY, PostgresServer
from tests.support.processes import free_port
from tests.support.waiting import wait_for


@contextlib.contextmanager
def running_standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """Run a hot standby that follows ``primary``; end it and delete its data on leaving."""
    scratch = Path(tempfile.mkdtemp(prefix="routeiq-standby-"))
    scratch.chmod(0o755)
    try:
        data = scratch / "data"
        primary.run("pg_basebackup", "-D", str(data), "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")
        if os.geteuid() == 0:
            for path in (scratch, data, *data.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        standby = PostgresServer(primary.binaries, data, free_port(), primary.settings)
        standby.start()
        try:
            wait_for("the standby to stream", lambda: primary.sql("SELECT state FROM pg_stat_replication"))
            yield standby
        finally:
            standby.kill()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def wait_until_replayed(primary: PostgresServer, standby: PostgresServer) -> None:
    """Wait until ``standby`` shows all that ``primary`` has written so far."""
    position = primary.sql("SELECT pg_current_wal_lsn()")[0]
    query = f"SELECT pg_last_wal_replay_lsn() >= '{position}'"
    wait_for("the standby to catch up", lambda: standby.sql(query) == ["t"])


def cut_off(standby: PostgresServer) -> None:
    """Let the standby receive nothing more."""
    standby.sql("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()")
    wait_for("the end of the stream", lambda: standby.sql("SELECT count(*) FROM pg_stat_wal_receiver") == ["0"])


def promote(standby: PostgresServer) -> None:
    """Make the standby a primary, on a timeline of its own."""
    assert standby.sql("SELECT pg_promote()") == ["t"]
