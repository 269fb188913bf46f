"""What a run needs of its machine: no rights, no disk, no network but the database; and what it leaves behind."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from tests.support.migrate import COMMAND, DONE, is_current
from tests.support.postgres import PostgresServer, reachable, running_postgres
from tests.support.processes import clean_environment

AUDITED = """
import os, sys
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
def watch(event, arguments):
    if event == "socket.connect":
        print("CONNECT", arguments[1], flush=True)
    if event == "open" and arguments[2] & WRITES:  # whether by open, os.open or what tempfile does
        print("WRITE", arguments[0], flush=True)
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.mkdir", "os.rename", "os.remove"):
        print("OTHER", event, flush=True)
sys.addaudithook(watch)
sys.argv = ["routeiq-migrate", "up"]
from routeiq_migrate.__main__ import main
main()
"""


def run_confined(confined: list[str], command: list[str], environment: dict[str, str]) -> None:
    """Run routeiq-migrate as ``confined`` says, and see that it did what was asked."""
    done = subprocess.run(
        [*confined, COMMAND, *command],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == DONE, done.stderr


def unprivileged(*namespaces: str) -> list[str]:
    """Return what runs a command as uid 12345 on a file system of which nothing can be written.

    ``namespaces`` are options of ``unshare`` for more that it is kept from; without root they are left out.
    """
    if os.geteuid() != 0:
        return ["prlimit", "--fsize=0"]
    # An interpreter below somebody's private folder is still to be read; nothing more than that.
    read = (
        ""
        if reachable(Path(sys.executable).resolve())
        else "--inh-caps +dac_read_search --ambient-caps +dac_read_search"
    )
    become = f"setpriv --reuid 12345 --regid 12345 --clear-groups {read} prlimit --fsize=0"
    return ["unshare", "--mount", *namespaces, "sh", "-c", f'mount -o remount,bind,ro / && exec {become} "$@"', "sh"]


def test_a_stranger_on_a_read_only_file_system(server: PostgresServer, database: str) -> None:
    """Any uid, nothing writable, no home: ``up``, ``up`` again and ``wait`` succeed."""
    environment = clean_environment(DATABASE_URL=server.url(database), HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
    for command in (["up"], ["up"], ["wait"], ["status"]):
        run_confined(unprivileged(), command, environment)
    assert is_current(server, database)


def test_without_any_network_over_the_servers_socket(database: str) -> None:
    """Not even loopback is up: the UNIX socket that ``?host=`` names is all there is, and all it takes."""
    # The folder above the data is the server's own, and everybody may enter it.
    with running_postgres(settings={"unix_socket_directories": ".."}) as server:
        socket_folder = quote(str(server.data.parent), safe="")
        url = f"postgresql://postgres:{quote(server.password)}@localhost:{server.port}/{database}?host={socket_folder}"
        environment = clean_environment(DATABASE_URL=url, HOME="/nonexistent", PYTHONDONTWRITEBYTECODE="1")
        for command in (["up"], ["wait"]):
            run_confined(unprivileged("--net"), command, environment)
        assert is_current(server, database)


def test_only_the_database_is_talked_to_and_nothing_is_written(server: PostgresServer, database: str) -> None:
    """Python's own audit of a whole run: every connection goes to the server, and no file is opened for writing."""
    done = subprocess.run(
        [sys.executable, "-c", AUDITED],
        env=clean_environment(DATABASE_URL=server.url(database), PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == DONE, done.stderr
    seen = [line for line in done.stdout.splitlines() if line.startswith(("CONNECT", "WRITE", "OTHER"))]
    assert set(seen) == {f"CONNECT ('127.0.0.1', {server.port})"}
