"""Servers that are slow to come, fall silent, only follow another, keep us out, or are reached by unusual ways."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.migrate import (
    BEHIND,
    DONE,
    FAILED,
    LATE,
    REFUSED,
    UNREACHABLE,
    ledger,
    migrate,
)
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import clean_environment, free_port, running
from tests.support.standby import running_standby, wait_until_replayed


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """Stop every process of ``server`` in its tracks: the kernel still accepts connections, and nobody answers."""
    assert server.process is not None
    postmaster = psutil.Process(server.process.pid)
    family = [postmaster, *postmaster.children(recursive=True)]
    for member in family:
        member.suspend()
    try:
        yield
    finally:
        for member in family:
            member.resume()


def test_a_server_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    """``up`` started before its server does its work once the server is there; it waits 120 s unless told."""
    with running_postgres() as server:
        server.stop()
        environment = clean_environment(DATABASE_URL=server.url())
        with running(["routeiq-migrate", "up"], output=tmp_path / "out", environment=environment) as process:
            line = process.wait_for_text("waiting for the database").splitlines()[0]
            server.start()
            assert process.wait_for_exit(seconds=60) == DONE
    event = json.loads(line)
    assert event["limit_s"] == 120
    assert f"127.0.0.1:{server.port}" in event["reason"]


def test_waiting_for_the_server_has_a_limit() -> None:
    """Nobody listens: tried until the limit, then exit 3 with the reason and the limit."""
    port = free_port()
    done = migrate("up", "--wait", "1", url=f"postgresql://u:hidden@127.0.0.1:{port}/d")
    assert done.returncode == UNREACHABLE
    waiting, gave_up = (json.loads(line) for line in done.stderr.splitlines())
    assert waiting["event"] == "waiting for the database"
    assert f"127.0.0.1:{port} cannot be reached" in gave_up["event"]
    assert gave_up["event"].endswith("Gave up after 1 s.")


def test_a_silent_server_does_not_outlast_the_limit(tmp_path: Path) -> None:
    """One that accepts and never answers: the limit holds, even where ``connect_timeout=0`` sets none of its own."""
    with running_postgres() as server:
        url = server.url(query="connect_timeout=0")
        environment = clean_environment(DATABASE_URL=url)
        command = ["routeiq-migrate", "wait", "--limit", "2"]
        with running(command, output=tmp_path / "wait", environment=environment) as waiting:
            waiting.wait_for_text("waiting for the migration")
            with frozen(server):
                done = migrate("up", "--wait", "0", url=url)
                assert waiting.wait_for_exit(seconds=60) == BEHIND
        assert done.returncode == UNREACHABLE
        assert "did not answer within 5 s" in done.stderr
        assert "stopped answering" in waiting.text()


def test_a_standby_is_read_and_never_written(tmp_path: Path) -> None:
    """On a streaming replica every question is answered, ``up`` with work to do is refused, and without it is not."""
    with running_postgres() as primary, running_standby(primary) as standby:
        url = standby.url()
        refused = migrate("up", url=url)
        assert refused.returncode == REFUSED
        assert "standby" in refused.stderr
        assert "DIRECT_URL" in refused.stderr
        assert migrate("status", url=url).returncode == BEHIND
        assert migrate("plan", url=url).returncode == DONE
        environment = clean_environment(DATABASE_URL=url)
        with running(["routeiq-migrate", "wait"], output=tmp_path / "out", environment=environment) as waiting:
            waiting.wait_for_text("waiting for the migration")
            assert migrate("up", url=primary.url()).returncode == DONE
            assert waiting.wait_for_exit(seconds=60) == DONE
        wait_until_replayed(primary, standby)
        again = migrate("up", url=url)
        assert again.returncode == DONE, again.stderr
        assert "nothing to do" in again.stdout


def test_a_pooler_whose_server_is_away_is_waited_for(tmp_path: Path) -> None:
    """PgBouncer lets clients in before it has a server: that is no failed migration but a server to wait for."""
    with running_postgres() as server, running_pgbouncer(server) as port:
        url = server.url().replace(f":{server.port}/", f":{port}/")
        assert migrate("status", url=url).returncode == BEHIND
        server.kill()
        environment = clean_environment(DATABASE_URL=url)
        with running(["routeiq-migrate", "up"], output=tmp_path / "out", environment=environment) as process:
            process.wait_for_text("waiting for the database")
            server.start()
            assert process.wait_for_exit(seconds=90) == DONE, process.text()
        assert len(ledger(server, "postgres")) > 0


def test_the_urls_parameters_take_effect(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """Libpq's reach the session, Prisma's are dropped, and what nobody reads is named without its value."""
    folder = tmp_path / "migrations" / "20990101000000_look"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(
        "DO $$ BEGIN ASSERT current_setting('application_name') = 'deploy job'; "
        "ASSERT current_setting('statement_timeout') = '77s'; END $$"
    )
    query = (
        "application_name=deploy%20job&options=-c%20statement_timeout%3D77s&connection_limit=1&pool_timeout=3"
        "&socket_timeout=4&statement_cache_size=100&channel_binding=prefer&fancy=unheardof"
    )
    extra = {"LITELLM_MIGRATION_DIR": str(tmp_path)}
    assert migrate("up", url=server.url(late), **extra).returncode == FAILED
    done = migrate("up", url=server.url(late, query=query), **extra)
    assert done.returncode == DONE, done.stderr
    warning = json.loads(done.stderr.splitlines()[0])
    assert warning["parameters"] == ["fancy"]
    assert "unheardof" not in done.stderr


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
