"""Writes that leave together, over real sockets and on the loop that workers run."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop

from routeiq_gateway.worker.connections.gathering import MOST_WAITING, Gathering


@asynccontextmanager
async def connected(application: asyncio.Protocol | None = None) -> AsyncIterator[tuple[Gathering, socket.socket]]:
    """A gathering transport, and the client's end of its connection."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with theirs:
        transport, _ = await loop.create_connection(lambda: application or asyncio.Protocol(), sock=ours)
        try:
            yield Gathering(transport, loop), theirs
        finally:
            transport.abort()
            await asyncio.sleep(0)


def arrived(theirs: socket.socket) -> bytes | None:
    """Return what waits at the client; None where nothing does, empty where the connection has ended."""
    try:
        return theirs.recv(1 << 20)
    except BlockingIOError:
        return None


def test_what_one_turn_writes_arrives_together_at_its_end() -> None:
    """Nothing leaves before the turn ends, and nothing waits longer; the next turn's follows in order."""

    async def claim() -> None:
        async with connected() as (transport, theirs):
            for piece in (b"head ", b"one ", b"two "):
                transport.write(piece)
            assert arrived(theirs) is None
            assert transport.get_write_buffer_size() == len(b"head one two ")
            await asyncio.sleep(0)
            transport.write(b"three")
            assert arrived(theirs) == b"head one two "
            await asyncio.sleep(0)
            assert arrived(theirs) == b"three"
            assert transport.get_write_buffer_size() == 0

    uvloop.run(claim())


def test_what_waits_leaves_before_the_connection_closes() -> None:
    """An answer and the close that follows it within the same turn: the answer is whole, then the end comes."""

    async def claim() -> None:
        async with connected() as (transport, theirs):
            transport.write(b"answer")
            transport.close()
            assert arrived(theirs) == b"answer"
            await asyncio.sleep(0)
            assert arrived(theirs) == b""

    uvloop.run(claim())


def test_what_waits_for_a_connection_that_broke_is_dropped() -> None:
    """A write and an abort within one turn: nothing is sent, and nothing is raised."""
    raised: list[dict[str, object]] = []

    async def claim() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        async with connected() as (transport, theirs):
            transport.write(b"late")
            transport.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert arrived(theirs) == b""

    uvloop.run(claim())
    assert raised == []


class Paused(asyncio.Protocol):
    """An application that is told to pause once its client reads too slowly."""

    def __init__(self) -> None:
        self.paused = False

    def pause_writing(self) -> None:
        """Note it."""
        self.paused = True


def test_a_client_that_reads_slowly_has_the_application_pause_within_the_turn() -> None:
    """No more waits than a transport holds: what is more reaches the wrapped transport at once."""

    async def claim() -> None:
        application = Paused()
        async with connected(application) as (transport, _):
            while not application.paused:
                assert transport.get_write_buffer_size() <= 2 * MOST_WAITING
                transport.write(b"x" * MOST_WAITING)

    uvloop.run(asyncio.wait_for(claim(), 10))
