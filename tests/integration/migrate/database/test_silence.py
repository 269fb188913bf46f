"""A server that works on nothing and says nothing under a statement has lost the session; one that works has not."""

import asyncio
import dataclasses
import socket
import time

import pytest

from routeiq_migrate.database.answers import Silence
from routeiq_migrate.database.session import open_session
from routeiq_migrate.database.url import Target, parse_url
from routeiq_migrate.errors import SessionLostError
from tests.support.hostile_postgres import Break, hostile_postgres
from tests.support.migrate import DONE, is_current, migrate
from tests.support.postgres import PostgresServer


def target_of(server: PostgresServer, database: str, port: int) -> Target:
    """Return how a database is reached through ``port``."""
    target = parse_url(server.url(database, query="sslmode=disable"))
    return dataclasses.replace(target, port=port, connect_seconds=0.5)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("at", [30, 40, 60])
def test_a_session_that_falls_silent_is_lost_and_up_goes_on(server: PostgresServer, late: str, at: int) -> None:
    """A proxy that forgets the session after the login holds nothing up: `up` says so and ends in another session."""
    with hostile_postgres(server.port) as hostile:
        url = server.url(late, query="sslmode=disable").replace(f":{server.port}/", f":{hostile.port}/")
        hostile.broken = Break(at, lambda _whole: b"", "hold")

        def once(whole: bytes) -> bytes:
            if hostile.fired.is_set():
                hostile.broken = None
            return whole

        hostile.every = once
        began = time.monotonic()
        done = migrate("up", "--wait", "20", url=url)
    assert hostile.fired.is_set()
    assert done.returncode == DONE, done.stderr
    assert "the session was lost" in done.stderr or at == 30, "the 30th message may belong to the greeting"
    assert time.monotonic() - began < 90
    assert is_current(server, late)


def test_a_statement_that_the_server_works_on_is_no_silence(server: PostgresServer, whole: str) -> None:
    """However often it is looked at, and though others are let in only now and then."""

    async def story() -> None:
        database = await open_session(target_of(server, whole, server.port), 5)
        silence = database.connection.silence  # type: ignore[attr-defined]  # of our class
        silence.first, silence.again = 0.1, 0.05
        assert await database.connection.fetchval("SELECT 1 FROM pg_sleep(2)") == 1
        assert not silence.silent
        await database.connection.close()

    asyncio.run(story())


@pytest.mark.parametrize("pooled", ["", "true"])
def test_a_server_that_answers_nobody_any_more_is_silent(server: PostgresServer, whole: str, pooled: str) -> None:
    """Neither the session nor a login is answered, as where the whole server was stopped: also behind a pooler."""

    async def story(port: int) -> None:
        database = await open_session(target_of(server, whole, port), 5)
        connection = database.connection
        found: Silence = connection.silence  # type: ignore[attr-defined]  # of our class
        connection.silence = dataclasses.replace(  # type: ignore[attr-defined]
            found, process=None if pooled else found.process, first=0.1, again=0.1
        )
        hostile.every = lambda _whole: b""
        with pytest.raises(SessionLostError, match="says nothing"):
            await connection.fetchval("SELECT 1")
        assert connection.is_closed()

    with hostile_postgres(server.port) as hostile:
        asyncio.run(asyncio.wait_for(story(hostile.port), 30))


def test_the_kernel_gives_up_a_peer_that_is_gone(server: PostgresServer, whole: str) -> None:
    """Within a minute, whether something was sent to it or not."""

    async def story() -> None:
        database = await open_session(target_of(server, whole, server.port), 5)
        found = database.connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]  # noqa: SLF001
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        probes, between = (
            found.getsockopt(socket.IPPROTO_TCP, name) for name in (socket.TCP_KEEPCNT, socket.TCP_KEEPINTVL)
        )
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) + probes * between <= 60
        await database.connection.close()

    asyncio.run(story())
