"""PgBouncer in transaction mode before a test's PostgreSQL; the Debian package of that name has to be installed."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.postgres import NOBODY, PostgresServer
from tests.support.processes import clean_environment, free_port, listening, running
from tests.support.waiting import wait_for


@contextlib.contextmanager
def running_pgbouncer(
    server: PostgresServer, *, pool_size: int = 10, pool_mode: str = "transaction", database: str = "*", more: str = ""
) -> Iterator[int]:
    """Run PgBouncer before ``server``; yield its port on loopback. Every login is the superuser's.

    Args:
        server: the server behind it.
        pool_size: how many connections it opens for each database.
        pool_mode: as in its own settings.
        database: the one database that it lets clients to; ``*`` for all.
        more: lines of settings beside those.
    """
    scratch = Path(tempfile.mkdtemp(prefix="routeiq-pgbouncer-"))
    port = free_port()
    try:
        (scratch / "users.txt").write_text(f'"{server.user}" "{server.password}"\n')
        (scratch / "pgbouncer.ini").write_text(
            f"""[databases]
{database} = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {scratch}/users.txt
pool_mode = {pool_mode}
default_pool_size = {pool_size}
max_client_conn = 200
server_login_retry = 1
{more}
"""
        )
        command = ["pgbouncer", str(scratch / "pgbouncer.ini")]
        if os.geteuid() == 0:
            # It refuses to run as root.
            for path in (scratch, *scratch.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            command[1:1] = ["-u", "nobody"]
        with running(command, output=scratch / "log", environment=clean_environment()):
            wait_for("PgBouncer to listen", lambda: listening(port))
            yield port
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
