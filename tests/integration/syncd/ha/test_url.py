"""What a database URL asks for, at a real server: parameters, and TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet import Fleet, create_schema
from tests.support.postgres import visiting_url
from tests.support.processes import running
from tests.support.secured import Secured, running_secured
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

ENCRYPTED = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'secure'"


def test_parameters_go_before_what_stands_ahead_of_them(replicas: Fleet) -> None:
    """User, password, port, database, role and name of the session are those of the parameters: syncd publishes."""
    url = visiting_url(replicas.postgres, replicas.database)
    replicas.sql("GRANT ALL ON SCHEMA routeiq TO keeper; GRANT ALL ON ALL TABLES IN SCHEMA routeiq TO keeper")
    replicas.put("one")
    replicas.start(0, DATABASE_URL=url)
    replicas.wait_serving("one")
    who = "SELECT DISTINCT usename, application_name FROM pg_stat_activity WHERE datname = current_database()"
    assert replicas.sql(f"{who} AND pid <> pg_backend_pid()") == ["visitor|a visit"]


def test_parameters_that_nobody_reads_are_named(replicas: Fleet) -> None:
    """A misspelt parameter is a warning in the status, and not one of the server's settings."""
    replicas.put("one")
    replicas.start(0, DATABASE_URL=replicas.postgres.url(replicas.database, query="aplication_name=x"))
    replicas.wait_serving("one")
    assert any("parameters that nobody reads: aplication_name" in text for text in replicas.status(0)["warnings"])


@pytest.mark.parametrize("url", ["postgresql://pg-a,pg-b/d", "postgresql:///d?host=a,b", "postgresql://h/d?port=1,2"])
def test_several_hosts_are_refused_at_once(tmp_path: Path, url: str) -> None:
    """No host is looked up, and nobody waits for a name that is a list."""
    done = Syncd(tmp_path).call("run", DATABASE_URL=url)
    assert done.returncode == 2
    assert "DATABASE_URL names several hosts or ports; expected one, the writer's." in done.stderr


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server with TLS, and syncd's tables in its database ``synced``."""
    with running_secured(tmp_path_factory.mktemp("tls")) as server:
        server.server.create_database("synced")
        create_schema(server.server, "synced")
        grants = "GRANT ALL ON SCHEMA routeiq TO secure; GRANT ALL ON ALL TABLES IN SCHEMA routeiq TO secure"
        server.server.sql(grants, database="synced")
        yield server


def test_a_verified_server_is_published_to(secured: Secured, tmp_path: Path) -> None:
    """``verify-full`` with the server's authority, by the name that its certificate has: every session is encrypted."""
    query = f"sslmode=verify-full&sslrootcert={secured.authority}"
    syncd = Syncd(tmp_path, {"DATABASE_URL": secured.url("synced", user="secure", query=query, host="localhost")})
    syncd.write(config("one"))
    with running(["routeiq-syncd", "run"], output=syncd.log, environment=syncd.environment()):
        published = "SELECT count(*) FROM routeiq.revision"
        wait_for("a revision", lambda: secured.server.sql(published, database="synced") == ["1"])
        assert secured.server.sql(ENCRYPTED) == ["t"]


@pytest.mark.parametrize(
    ("host", "file", "told"),
    [
        ("127.0.0.1", "ca.pem", "its certificate does not verify"),
        ("localhost", "stranger.pem", "its certificate does not verify"),
        ("localhost", "missing.pem", "DATABASE_URL names what cannot be used: the authority {path} (sslrootcert"),
        ("localhost", "client.key", "DATABASE_URL names what cannot be used: the authority {path} (sslrootcert"),
    ],
)
def test_what_cannot_be_verified_is_away(secured: Secured, tmp_path: Path, host: str, file: str, told: str) -> None:
    """Another name, another authority, a file that is missing or no certificate: a sentence, and no session."""
    path = secured.authority.parent / file
    query = f"sslmode=verify-full&sslrootcert={path}"
    syncd = Syncd(tmp_path, {"DATABASE_URL": secured.url("synced", user="secure", query=query, host=host)})
    syncd.write(config("one"))
    with running(["routeiq-syncd", "run"], output=syncd.log, environment=syncd.environment()) as process:
        wait_for("the sentence", lambda: told.format(path=path) in syncd.log.read_text())
        assert process.process.poll() is None, "syncd goes on, and tries again"
        assert secured.server.sql(ENCRYPTED) == []
