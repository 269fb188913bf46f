"""Draining, over real sockets and with the servers that workers run."""

import asyncio
from typing import Any

import pytest

from routeiq_gateway.worker.connections.connection import Connection
from routeiq_gateway.worker.server import Server
from tests.support.served import GET, UPGRADE, Client, house, run, saying, until

LONG = 1000.0
MANY = 400
LONG_ANSWER = 3_000_000


def connection_of(server: Server) -> Connection:
    """Return the only connection of a server."""
    (connection,) = server.server_state.connections
    assert isinstance(connection, Connection)
    return connection


def drain_in_a_reload(server: Server) -> None:
    """Drain as the parent says in a reload."""
    server.drain(LONG, idle=LONG, pass_on=True)


@pytest.mark.parametrize("used", [False, True])
def test_an_idle_connection_is_passed_on_with_the_request_that_waits_on_it(used: bool) -> None:  # noqa: FBT001 - a column of the table
    """A request that arrives at the moment of the drain is answered by the new worker, on the same connection."""

    async def claim() -> None:
        async with house() as opened:
            old = await opened.serve(saying(b"old"))
            client = await opened.connect(old)
            if used:
                client.send(GET)
                assert (await client.response())[1] == b"old"
            old.stop_accepting()
            await opened.serve(saying(b"new"))
            drain_in_a_reload(old)
            client.send(GET)
            head, body = await client.response()
            assert body in {b"old", b"new"}
            if body == b"new":
                assert b"connection: close" not in head
                client.send(GET)
                assert (await client.response())[1] == b"new"
            await asyncio.wait_for(opened.running[0], 10)

    run(claim())


def test_all_idle_connections_are_passed_on_however_many_fit_into_the_queue() -> None:
    """What the kernel's queue does not hold follows; each connection is answered by the new worker."""

    async def claim() -> None:
        async with house() as opened:
            old = await opened.serve(saying(b"old"))
            clients = [await opened.connect(old) for _ in range(MANY)]
            old.stop_accepting()
            new = await opened.serve(saying(b"new"), accept=False)
            drain_in_a_reload(old)
            await until(lambda: len(old.server_state.connections) < MANY)
            assert old.server_state.connections, "the queue holds all of them, and nothing is shown"
            new.accept()
            await until(lambda: not old.server_state.connections)
            for client in clients:
                client.send(GET)
                assert (await client.response())[1] == b"new"

    run(claim())


def test_a_websocket_opens_on_a_connection_that_was_passed_on() -> None:
    """The handshake that waits unread is answered by the new worker."""

    async def claim() -> None:
        async with house() as opened:
            old = await opened.serve(saying(b"old"))
            client = await opened.connect(old)
            old.stop_accepting()
            drain_in_a_reload(old)
            await until(lambda: not old.server_state.connections)
            client.send(UPGRADE)
            await opened.serve(saying(b"new"))
            await client.until(b"new")
            assert client.got.startswith(b"HTTP/1.1 101")

    run(claim())


def test_a_request_of_which_a_part_has_come_stays_and_is_answered() -> None:
    """The worker that has read the beginning of a request reads the rest of it."""

    async def claim() -> None:
        async with house() as opened:
            old = await opened.serve(saying(b"old"))
            client = await opened.connect(old)
            client.send(GET[:9])
            await until(lambda: connection_of(old)._in_message)  # noqa: SLF001
            old.stop_accepting()
            await opened.serve(saying(b"new"))
            drain_in_a_reload(old)
            await asyncio.sleep(0)
            client.send(GET[9:])
            head, body = await client.response()
            assert body == b"old"
            assert b"connection: close" in head

    run(claim())


def test_requests_that_came_together_are_all_answered_in_a_drain() -> None:
    """Only the last of pipelined requests is told `Connection: close`, which would lose those behind it."""

    async def claim() -> None:
        async with house() as opened:
            begun, go = asyncio.Event(), asyncio.Event()

            async def slow(scope: Any, receive: Any, send: Any) -> None:
                if scope["type"] == "http":
                    begun.set()
                    await go.wait()
                await saying(b"old")(scope, receive, send)

            old = await opened.serve(slow)
            client = await opened.connect(old)
            client.send(GET * 3)
            await begun.wait()
            drain_in_a_reload(old)
            client.send(GET)
            go.set()
            heads = [(await client.response())[0] for _ in range(4)]
            assert [b"connection: close" in head for head in heads] == [False, False, False, True]

    run(claim())


def test_a_request_that_waits_unread_keeps_its_connection_from_being_closed() -> None:
    """At the end of the idle time, of the keep-alive time and at the end of the drain."""

    async def claim() -> None:
        async with house() as opened:
            server = await opened.serve(saying(b"x"))
            for close in (Connection.close_idle, Connection.timeout_keep_alive_handler, Connection.shutdown):
                client = await opened.connect(server)
                client.send(GET)
                close(connection_of(server))
                assert (await client.response())[1] == b"x"
                close(connection_of(server))
                assert await client.rest() == b""
                client.end.close()
                await until(lambda: not server.server_state.connections)

    run(claim())


def test_the_end_of_a_response_survives_what_the_client_sends_after_it() -> None:
    """A connection is half closed first: bytes that arrive unread do not have the kernel take the response back."""

    async def claim() -> None:
        async with house() as opened:
            server = await opened.serve(saying(b"y" * LONG_ANSWER))
            client = await opened.connect(server)
            client.send(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            while server.server_state.connections:
                await client.some()
            assert len(client.got) < LONG_ANSWER, "nothing of the response is on its way, and nothing is shown"
            client.send(b"more")
            assert (await client.rest()).endswith(b"y" * LONG_ANSWER)

    run(claim())


def test_a_connection_without_a_request_is_closed_after_the_keepalive_time() -> None:
    """One that was never used counts as idle, too."""

    async def claim() -> None:
        async with house() as opened:
            client: Client = await opened.connect(await opened.serve(saying(b"x"), keepalive=1))
            assert await client.rest() == b""

    run(claim())


def test_at_a_stop_idle_connections_are_closed_after_their_time_and_what_was_passed_on_is_taken() -> None:
    """Nobody else takes them, so the worker that stops answers on them itself."""

    async def claim() -> None:
        async with house() as opened:
            old, new = await opened.serve(saying(b"old")), await opened.serve(saying(b"new"), accept=False)
            client = await opened.connect(old)
            drain_in_a_reload(old)
            await until(lambda: not old.server_state.connections)
            client.send(GET)
            new.drain(LONG, idle=0.1)
            head, body = await client.response()
            assert (body, b"connection: close" in head) == (b"new", True)
            await asyncio.wait_for(asyncio.gather(*opened.running), 10)

    run(claim())
