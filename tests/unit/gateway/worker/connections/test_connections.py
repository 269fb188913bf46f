"""Clients that say nothing, or say it slowly, keep nobody else from being answered; over real sockets."""

import asyncio
import contextlib
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
import trustme

from tests.support.served import GET, Client, House, house, run, saying, until

SHORT = 0.3
"""Seconds that a client has to complete what it began, in these tests."""
PARTS = 8
BODY = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n"
MOST, CROWD = 40, 300
HALF = GET[:-3]
HUGE = 4_000_000


def reading(name: bytes, gate: asyncio.Event | None = None) -> Any:
    """Return an application that reads the whole body, once ``gate`` is open, and then answers with ``name``."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if gate is not None:
                await gate.wait()
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
        await saying(name)(scope, receive, send)

    return application


@pytest.mark.parametrize("before", [b"", GET, GET * 2])
@pytest.mark.parametrize("part", [GET[:1], GET[:9], HALF, BODY % 9 + b"\r\n", BODY % 9 + b"\r\nabc"])
def test_half_a_request_is_answered_408(before: bytes, part: bytes) -> None:
    """Half a head and half a body, as the first request and as a later one: the client is told, and closed."""

    async def claim() -> None:
        async with house() as opened:
            client = await opened.connect(await opened.serve(reading(b"x"), receive=SHORT))
            client.send(before + part)
            for _ in range(before.count(b"GET")):
                assert (await client.response())[1] == b"x"
            head, body = await client.response()
            assert head.startswith(b"HTTP/1.1 408 ")
            assert b"ROUTEIQ_RECEIVE_SECONDS" in body
            assert await client.rest() == b""

    run(claim())


def test_a_head_that_comes_in_drops_is_answered_408_as_well() -> None:
    """A byte now and then does not stretch the time of a head."""

    async def claim() -> None:
        async with house() as opened:
            client = await opened.connect(await opened.serve(saying(b"x"), receive=SHORT))

            async def drip() -> None:
                with contextlib.suppress(OSError):
                    for at in range(1000):
                        client.send(HALF[at : at + 1] or b"a")
                        await asyncio.sleep(SHORT / PARTS)

            dripping = asyncio.create_task(drip())
            assert (await client.response())[0].startswith(b"HTTP/1.1 408 ")
            dripping.cancel()

    run(claim())


def test_a_body_that_goes_on_coming_is_waited_for() -> None:
    """Its parts each come in time, and all of them together take longer."""

    async def claim() -> None:
        async with house() as opened:
            client = await opened.connect(await opened.serve(reading(b"x"), receive=SHORT))
            client.send(BODY % PARTS + b"\r\n")
            for _ in range(PARTS):
                await asyncio.sleep(SHORT / 2)
                client.send(b"a")
            assert (await client.response())[1] == b"x"

    run(claim())


@pytest.mark.parametrize("expected", [False, True])
def test_a_worker_that_does_not_read_blames_no_client(expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Neither a client whose body fills what is read ahead, nor one that waits for `100 Continue`."""

    async def claim() -> None:
        async with house() as opened:
            gate = asyncio.Event()
            client = await opened.connect(await opened.serve(reading(b"x", gate), receive=SHORT))
            client.send(BODY % HUGE + (b"Expect: 100-continue\r\n\r\n" if expected else b"\r\n"))
            sending = asyncio.create_task(nothing() if expected else client.send_all(b"a" * HUGE))
            await asyncio.sleep(SHORT * 4)
            gate.set()
            if expected:
                await client.until(b"HTTP/1.1 100 Continue\r\n\r\n")
                client.got = b""
                sending = asyncio.create_task(client.send_all(b"a" * HUGE))
            assert (await client.response())[1] == b"x"
            await sending

    run(claim())


async def nothing() -> None:
    """Send nothing."""


def test_an_answer_under_way_is_finished_whatever_is_half_sent_behind_it() -> None:
    """The 408 for the half request comes after the answer to the whole one."""

    async def claim() -> None:
        async with house() as opened:
            gate = asyncio.Event()
            client = await opened.connect(await opened.serve(reading(b"x", gate), receive=SHORT))
            client.send(GET + HALF)
            await asyncio.sleep(SHORT * 2)
            gate.set()
            assert (await client.response())[1] == b"x"
            assert (await client.response())[0].startswith(b"HTTP/1.1 408 ")

    run(claim())


@contextlib.asynccontextmanager
async def silent(opened: House, count: int, says: bytes) -> AsyncIterator[None]:
    """Open connections that say ``says``, and nothing more."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as held:
        for _ in range(count):
            end = held.enter_context(socket.socket())
            end.setblocking(False)
            await loop.sock_connect(end, opened.listener.getsockname())
            with contextlib.suppress(ConnectionError):
                await loop.sock_sendall(end, says)
        yield


@pytest.mark.parametrize("says", [b"", HALF, GET + HALF])
def test_a_crowd_gives_way_and_who_asks_is_answered(says: bytes) -> None:
    """A newcomer is answered, the number is bounded, and a connection that is used in between or busy stays."""

    async def claim() -> None:
        async with house() as opened:
            gate = asyncio.Event()

            async def slow(scope: Any, receive: Any, send: Any) -> None:
                if scope.get("path") == "/slow":
                    await gate.wait()
                await saying(b"x")(scope, receive, send)

            server = await opened.serve(slow)
            server.crowd.most = MOST
            busy, used = await opened.connect(server), await opened.connect(server)
            busy.send(GET.replace(b"/x", b"/slow"))
            used.send(GET)
            assert (await used.response())[1] == b"x"
            async with silent(opened, CROWD, says):
                for _ in range(3):
                    newcomer = opened.connect_any()
                    newcomer.send(GET)
                    assert (await newcomer.response())[1] == b"x"
                await until(lambda: len(server.server_state.connections) <= MOST + 1)
                assert not busy.got
                gate.set()
                assert (await busy.response())[1] == b"x"
                if not says.startswith(GET):
                    used.send(GET)
                    assert (await used.response())[1] == b"x"

    run(claim())


def own_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return psutil.Process().num_fds()


def test_handshakes_that_never_end_give_way() -> None:
    """With TLS, connections that say nothing are as bounded as without."""
    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(ours)
    authority.configure_trust(theirs)

    async def claim() -> None:
        async with house() as opened:
            server = await opened.serve(saying(b"x"), tls=ours)
            server.crowd.most = MOST
            before = own_descriptors()
            async with silent(opened, CROWD, b""):
                for _ in range(3):
                    reader, writer = await asyncio.open_connection(
                        *opened.listener.getsockname(), ssl=theirs, server_hostname="localhost"
                    )
                    writer.write(GET)
                    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                    writer.close()
                await until(lambda: own_descriptors() <= before + CROWD + MOST + PARTS)

    run(claim())


def test_accepting_waits_for_descriptors_and_does_not_spin() -> None:
    """Where the system gives none, connections that wait give way, accepting pauses, and then goes on."""

    async def claim() -> None:
        async with house() as opened:
            server = await opened.serve(saying(b"x"))
            client = await opened.connect(server)
            newcomer = Client(socket.socket())
            opened.clients.append(newcomer)
            newcomer.end.setblocking(False)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
            try:
                with contextlib.suppress(BlockingIOError):
                    newcomer.end.connect(opened.listener.getsockname())
                await until(lambda: not server.accepting)
                assert await client.rest() == b"", "no connection gave way"
                spent = time.process_time()
                await until(lambda: server.accepting)
                assert time.process_time() - spent < 0.5
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            newcomer.send(GET)
            assert (await newcomer.response())[1] == b"x"

    run(claim())
