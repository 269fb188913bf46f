"""Whether a start failed because something outside was away, which no configuration is to blame for.

Two signs tell. The exception, or one that it was raised from, is of a class that says so. And where the exception says
nothing, LiteLLM's database does not answer: what LiteLLM makes of that differs from place to place.
"""

import asyncio
import contextlib
import errno
import importlib
import socket
import struct
from urllib.parse import parse_qs, urlsplit

import httpx

from routeiq_gateway.runtime.scarcity import chain

PROBE_SECONDS = 3.0
PORT = 5432
ASK_FOR_TLS = struct.pack("!ii", 8, 80877103)
"""PostgreSQL's SSLRequest, which a server answers before it looks at who asks; a pooler does so too."""
UNREACHABLE = {getattr(errno, name) for name in ("ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH", "ENETRESET")}
AWAY_CODES = ("P1", "P2021", "P2022", "P2024", "P2028", "P2037")
"""Prisma's codes for a server, a schema or a connection that is not there (Prisma's error reference).

All codes that begin with P1 are about reaching a server. P2021 and P2022 are tables and columns that a migration is
still to make; P2024, P2028 and P2037 are connections and transactions that could not be had.
"""


async def awaited(error: BaseException | None, database: str | None) -> str | None:
    """Return what is away and has to come back before a start that ended in ``error`` can succeed.

    Args:
        error: what ended the start; None where nothing was raised.
        database: the URL of LiteLLM's database, if it has one.

    Returns:
        What is awaited, in words, or None where nothing outside is to blame.
    """
    raised = list(chain(error))
    if database is not None and (any(map(_of_database, raised)) or not await answers(database)):
        return "LiteLLM's database (DATABASE_URL)"
    return "a service that LiteLLM reaches at its start" if any(map(_of_network, raised)) else None


async def answers(database: str, within: float = PROBE_SECONDS) -> bool:
    """Whether a PostgreSQL server, or a pooler, answers at the URL ``database`` within so many seconds.

    A URL without a host that can be asked over TCP counts as one that answers.
    """
    try:
        parts = urlsplit(database)
        query = parse_qs(parts.query)
        host = query.get("host", [parts.hostname or ""])[-1]
        port = int(query.get("port", [parts.port or PORT])[-1])
    except ValueError:
        return True
    if not host or host.startswith("/"):
        return True
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(host, port)
            with contextlib.closing(writer):
                writer.write(ASK_FOR_TLS)
                await reader.readexactly(1)
                return True
    return False


def _of_network(error: BaseException) -> bool:
    """Whether ``error`` says that a service does not answer, or answers that it cannot serve now."""
    match error:
        case ConnectionError() | TimeoutError() | socket.gaierror() | httpx.TransportError():
            return True
        case httpx.HTTPStatusError():
            return error.response.is_server_error
        case OSError():
            return error.errno in UNREACHABLE
        case _:
            redis = importlib.import_module("redis.exceptions")
            return isinstance(error, redis.ConnectionError | redis.TimeoutError) and not isinstance(
                error, redis.AuthenticationError
            )


def _of_database(error: BaseException) -> bool:
    """Whether ``error`` is Prisma's for a database that cannot be worked on now."""
    errors = importlib.import_module("prisma.errors")
    engine = importlib.import_module("prisma.engine.errors")
    match error:
        case errors.DataError():
            return str(error.code).startswith(AWAY_CODES)
        case engine.EngineConnectionError() | errors.ClientNotConnectedError() | errors.HTTPClientClosedError():
            return True
        case _:
            return False
