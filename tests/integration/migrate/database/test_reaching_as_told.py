"""Advice on how to reach a database works: each test takes a message at its word, and ``up`` goes through."""

import threading
from pathlib import Path
from urllib.parse import quote

from tests.support.migrate import DONE, UNREACHABLE, migrate
from tests.support.migrate_steps import told, up
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import free_port
from tests.support.secured import running_secured
from tests.support.tcp_proxy import proxying


def test_a_server_that_is_not_there() -> None:
    """Nobody listens: with the port of one that does, ``up`` goes through."""
    with running_postgres() as server:
        wrong = server.url().replace(f":{server.port}/", f":{free_port()}/")
        told(migrate("up", "--wait", "0", url=wrong), UNREACHABLE, "Check host and port")
        told(
            migrate("up", "--wait", "0", url=server.url().replace("127.0.0.1", "nowhere.invalid")),
            UNREACHABLE,
            "Check it",
        )
        up(server.url())


def test_a_server_that_is_slow(server: PostgresServer, whole: str) -> None:
    """With a longer connect_timeout one that answers late is waited for."""
    with proxying(server.port) as proxy:
        proxy.flowing.clear()
        url = server.url(whole, query="connect_timeout={}").replace(f":{server.port}/", f":{proxy.port}/")
        told(migrate("up", "--wait", "0", url=url.format(1)), UNREACHABLE, "or raise connect_timeout")
        answers = threading.Timer(3, proxy.flowing.set)
        answers.start()
        up(url.format(60))
        answers.join()


def test_a_password_that_is_wrong(server: PostgresServer, whole: str) -> None:
    """With the right one ``up`` goes through."""
    told(migrate("up", url=server.url(whole, password="wrong")), UNREACHABLE, "Check user name and password")
    up(server.url(whole))


def test_a_database_that_is_missing(server: PostgresServer, database: str) -> None:
    """``status`` says to run ``up``, which creates it."""
    server.drop_database(database)
    told(migrate("status", url=server.url(database)), UNREACHABLE, "run `routeiq-migrate up`")
    up(server.url(database))
    assert migrate("status", url=server.url(database)).returncode == DONE


def test_a_maintenance_database_that_lets_nobody_in() -> None:
    """The statement in the message makes the database, by hand."""
    with running_postgres() as server:
        server.sql("CREATE ROLE poor LOGIN PASSWORD 'pw-poor'; REVOKE CONNECT ON DATABASE postgres FROM public")
        url = server.url("fresh", user="poor", password="pw-poor")
        message = told(migrate("up", "--wait", "0", url=url), UNREACHABLE, "lets us not in")
        server.sql(message[message.index("CREATE DATABASE") :])
        up(url)


def test_tls_that_does_not_come_about(tmp_path: Path, server: PostgresServer, whole: str) -> None:
    """An authority that is unknown, a client's certificate that is none, a server without TLS: cured as told."""
    told(migrate("up", url=server.url(whole, query="sslmode=require")), UNREACHABLE, "or relax sslmode")
    up(server.url(whole, query="sslmode=prefer"))
    with running_secured(tmp_path) as secured:
        strict = f"sslmode=verify-full&sslrootcert={secured.stranger}"
        told(
            migrate("up", url=secured.url("postgres", user="secure", query=strict, host="localhost")),
            UNREACHABLE,
            "Give its auth",
        )
        missing = f"sslmode=verify-full&sslrootcert={quote(str(tmp_path / 'missing.pem'))}"
        told(
            migrate("up", url=secured.url("postgres", user="secure", query=missing, host="localhost")),
            UNREACHABLE,
            "Mount the file",
        )
        right = f"sslmode=verify-full&sslrootcert={secured.authority}"
        done = migrate("status", url=secured.url("postgres", user="secure", query=right, host="localhost"))
        assert done.returncode != UNREACHABLE, done.stderr
