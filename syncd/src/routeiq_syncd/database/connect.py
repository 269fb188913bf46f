"""Opening a connection to PostgreSQL, encrypted as the URL asks for, and bounded in what the server can send."""

import asyncio
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from asyncpg.protocol import Protocol

from routeiq_syncd.database.tls import tls_context
from routeiq_syncd.database.url import Encryption, Target

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

MOST_ANSWER_BYTES = 32 * 1024 * 1024
"""What a server may send between two messages of ours, in bytes; twice what a revision in its row takes at most."""

# Within a minute the kernel gives up a peer that acknowledges nothing: idle seconds, seconds between probes, how many
# probes, and how many milliseconds what was sent may stay unacknowledged.
DEAD_PEER = (
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
    (socket.TCP_USER_TIMEOUT, 60_000),
)

HEAD = struct.Struct("!ci")  # of a message: its kind, and its length without the kind
LEAST_LENGTH = 4
SCRAM_STEPS = (11, 12)  # the kinds of AuthenticationSASLContinue and AuthenticationSASLFinal; 10 begins


class WrongAnswerError(ConnectionError):
    """What the server sent would harm who reads it; the message completes "it cannot be used: "."""


class Whole(asyncpg.Connection):
    """A connection that closes its socket when the server's answer is no PostgreSQL; asyncpg's own leaves it open."""

    __slots__ = ()

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401 - asyncpg's own
        try:
            super().__init__(*parts)
        except BaseException:
            self._abort()  # type: ignore[attr-defined]  # left out of its types
            raise


class _Line:
    """A transport on which each message of ours allows the server `MOST_ANSWER_BYTES` more."""

    def __init__(self, transport: Any) -> None:  # noqa: ANN401 - any of asyncio's
        self.transport = transport
        self.left = MOST_ANSWER_BYTES

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - asyncio's own
        return getattr(self.transport, name)

    def write(self, data: bytes) -> None:
        self.left = MOST_ANSWER_BYTES
        self.transport.write(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.left = MOST_ANSWER_BYTES
        self.transport.writelines(pieces)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.transport.set_protocol(_Bounded(protocol, self))


class _Bounded(asyncio.Protocol):
    """A protocol before asyncpg's, which keeps whatever it is sent, and believes it: hangs up on what would harm it.

    asyncpg is compiled, and what it believes too readily ends the process: a message of negative length, and an answer
    to what it did not say of SCRAM.
    """

    def __init__(self, inner: Any, line: _Line | None = None) -> None:  # noqa: ANN401 - any of asyncpg's
        self.inner = inner
        self.line = line
        self.fault: Exception | None = None
        self._unread = bytearray()
        self._method = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.line = _Line(transport)
        self.inner.connection_made(self.line)

    def data_received(self, data: bytes) -> None:
        assert self.line is not None  # noqa: S101 - a connection is made before it has data
        try:
            self.line.left -= len(data)
            if self.line.left < 0:
                raise WrongAnswerError(f"it sent more than {MOST_ANSWER_BYTES} bytes in one answer")
            self.inner.data_received(self._whole(data) if isinstance(self.inner, Protocol) else data)
        except Exception as error:  # noqa: BLE001 - whatever asyncpg trips over, the connection is of no more use
            self.fault = error
            self.line.abort()

    def _whole(self, data: bytes) -> bytes:
        """Return the messages that are whole now.

        Raises:
            WrongAnswerError: a message is none of the protocol, or not due.
        """
        self._unread += data
        end = 0
        while len(self._unread) >= end + HEAD.size:
            kind, length = HEAD.unpack_from(self._unread, end)
            if length < LEAST_LENGTH:
                raise WrongAnswerError("a message of its answer has an impossible length")
            if len(self._unread) <= end + length:
                break
            if kind == b"R":
                before, self._method = self._method, int.from_bytes(self._unread[end + 5 : end + 9], "big")
                if self._method in SCRAM_STEPS and before != self._method - 1:
                    raise WrongAnswerError("it went on with a login that was not begun")
            end += 1 + length
        whole = bytes(self._unread[:end])
        del self._unread[:end]
        return whole

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.inner.connection_lost(self.fault or error)


class _BoundedLoop:
    """The running loop as asyncpg sees it, so that every connection that it makes is bounded."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - asyncio's own
        return getattr(self._loop, name)

    async def create_connection(self, factory: Callable[[], Any], *place: Any, **more: Any) -> tuple[_Line | None, Any]:  # noqa: ANN401
        transport, bounded = await self._loop.create_connection(lambda: _Bounded(factory()), *place, **more)
        for name, value in DEAD_PEER:
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, name, value)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return bounded.line, bounded.inner

    async def create_unix_connection(self, factory: Callable[[], Any], path: str) -> tuple[_Line | None, Any]:
        _, bounded = await self._loop.create_unix_connection(lambda: _Bounded(factory()), path)
        return bounded.line, bounded.inner

    async def start_tls(self, line: _Line, *parts: Any, **more: Any) -> _Line | None:  # noqa: ANN401
        encrypted = await self._loop.start_tls(line.transport, *parts, **more)
        return None if encrypted is None else _Line(encrypted)


def no_tls(error: Exception) -> bool:
    """Whether asyncpg says that the server has no TLS to offer."""
    return isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error)


async def open_connection(
    target: Target, seconds: float, database: str = "", kind: type[Connection] = Whole
) -> Connection:
    """Open a connection within ``seconds``, which the caller closes.

    Nothing is tried again here but what libpq would try in plain text: how long to go on is for the caller to say.

    Args:
        target: the server, and how to reach it.
        seconds: after how many seconds to give up.
        database: the database, in place of the one that ``target`` names.
        kind: the connection's class.

    Raises:
        ConnectionError: the server cannot be reached.
        InvalidAuthorizationSpecificationError: the server does not let this user in.
        UnreachableError: a certificate or key cannot be read.
    """
    context = tls_context(target)
    connect = partial(
        asyncpg.connect,
        host=target.host,
        port=target.port,
        user=target.user,
        password=target.password,
        database=database or target.database,
        timeout=seconds,
        # A pooler may hand each statement to another server, which knows none of our prepared ones.
        statement_cache_size=0,
        server_settings=dict(target.server_settings),
        target_session_attrs=SessionAttribute.any,
        connection_class=kind,
        loop=cast("asyncio.AbstractEventLoop", _BoundedLoop()),
    )
    try:
        return await connect(ssl=context or False)
    except (ConnectionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        # libpq's rule for sslmode=prefer: plain text if there is no TLS, or if pg_hba.conf asks for it. asyncpg's own
        # mode "prefer" sends a wrong password once more, in plain text, and fails where HOME must not be read.
        wrong = isinstance(error, asyncpg.InvalidPasswordError)
        refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and not wrong
        if target.tls.encryption is not Encryption.PREFERRED or not (refused or no_tls(error)):
            raise
    return await connect(ssl=False)
