"""A database that keeps syncd waiting: what is given up ends on the server, and no loop waits without a limit."""

import asyncio
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import asyncpg
import pytest

from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.session import Session
from routeiq_syncd.database.url import parse_url
from tests.support.fleet import Fleet
from tests.support.pgbouncer import running_pgbouncer
from tests.support.tcp_proxy import Proxy, proxying
from tests.support.waiting import wait_for

BLOCKED = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"""
EPOCH = "SELECT epoch FROM routeiq.lease"
ATTEMPTS = 10


@pytest.mark.parametrize("way", ["direct", "pooled"])
def test_statements_that_are_given_up_end_on_the_server(replicas: Fleet, way: str) -> None:
    """While an operator keeps the lease row locked few backends wait for it; unlocked, one acquisition follows."""
    with running_pgbouncer(replicas.postgres, pool_size=30) as port:
        own = replicas.postgres.url(replicas.database)
        url = own.replace(f":{replicas.postgres.port}/", f":{port}/") if way == "pooled" else own
        replicas.put("one")
        for index in range(2):
            replicas.start(index, DATABASE_URL=url)
        replicas.wait_serving("one")
        replicas.holder()

        async def lock() -> tuple[int, int]:
            """Keep the row locked until many attempts have failed; the epoch, and the most backends that waited."""
            operator = await asyncpg.connect(own)
            epoch = await operator.fetchval(EPOCH)
            async with operator.transaction():
                await operator.execute("SELECT FROM routeiq.lease FOR UPDATE")
                seen: set[str] = set()
                most = 0

                def failed() -> bool:
                    nonlocal most
                    waiting = replicas.sql(BLOCKED)
                    seen.update(waiting)
                    most = max(most, len(waiting))
                    return len(seen) >= ATTEMPTS  # each attempt has a connection of its own

                await asyncio.to_thread(wait_for, "attempts to fail", failed, seconds=90, every=0.1)
            await operator.close()
            return epoch, most

        epoch, most = asyncio.run(lock())
        assert most <= 4, "two for each replica: one that waits and one that ends"
        replicas.holder()
        replicas.put("two")
        replicas.wait_serving("two")
        assert int(replicas.sql(EPOCH)[0]) <= epoch + 1
        if way == "direct":
            told = "".join(replicas.syncds[index].log.read_text() for index in range(2))
            assert "another session holds a lock" in told


def test_statements_on_a_listening_connection_are_limited_apart(replicas: Fleet) -> None:
    """Short limits of the lease's statements do not hold for it, whose questions may take longer."""

    async def story() -> list[str]:
        session = Session(parse_url(replicas.postgres.url(replicas.database)), seconds=0.2)
        connection = await session.connect(seconds=3.0)
        async with session.use() as other:
            limits = [await one.fetchval("SHOW statement_timeout") for one in (connection, other)]
        session.drop()
        connection.terminate()
        return limits

    assert asyncio.run(story()) == ["3s", "200ms"]


def test_a_turn_is_waited_for_with_a_limit(replicas: Fleet) -> None:
    """Many ask a silent database at once: each is told so within the session's limit, however many were before it."""
    with silent(replicas) as (proxy, url):
        proxy.flowing.clear()

        async def story() -> list[float]:
            session = Session(parse_url(f"{url}?connect_timeout=1"), seconds=0.5)
            session_limit = session.limit

            async def ask() -> float:
                began = time.monotonic()
                with pytest.raises(DatabaseAwayError):
                    async with session.use():
                        pass
                return time.monotonic() - began - session_limit

            return await asyncio.gather(*(ask() for _ in range(12)))

        assert max(asyncio.run(story())) < 1


def test_a_silent_database_is_named_to_all_who_ask(replicas: Fleet) -> None:
    """Views share one question; each asker hears of the database before it gives up, and `/livez` stays 200.

    A syncd that does not answer itself is told apart from a database that does not, and from none that runs.
    """
    with silent(replicas) as (proxy, url), ThreadPoolExecutor(24) as pool:
        replicas.put("one")
        syncd = replicas.start(0, DATABASE_URL=url)
        replicas.wait_serving("one")
        assert syncd.command("GET", "/fleet")[0] == 200
        proxy.flowing.clear()
        began = time.monotonic()
        asked = [pool.submit(syncd.command, "GET", path) for path in ("/fleet", "/history") * 12]
        told = syncd.call("fleet", DATABASE_URL=url)
        assert told.returncode == 1
        assert "PostgreSQL at 127.0.0.1" in told.stderr
        answers = [answer.result() for answer in asked]
        assert time.monotonic() - began < 10
        assert {code for code, _ in answers} == {503}
        assert all("PostgreSQL at 127.0.0.1" in document["error"] for _, document in answers)
        assert syncd.request("GET", "/livez") == (200, {"live": True})
        process = replicas.processes[0].process
        process.send_signal(signal.SIGSTOP)
        try:
            told = syncd.call("fleet", DATABASE_URL=url)
        finally:
            process.send_signal(signal.SIGCONT)
        assert told.returncode == 1
        assert "has not answered for 10 s" in told.stderr


@contextmanager
def silent(replicas: Fleet) -> Iterator[tuple[Proxy, str]]:
    """Yield a proxy that can fall silent, and the URL through it."""
    with proxying(replicas.postgres.port) as proxy:
        yield proxy, replicas.postgres.url(replicas.database).replace(f":{replicas.postgres.port}/", f":{proxy.port}/")
