"""Opening a connection to PostgreSQL, encrypted as the URL asks for."""

from functools import partial
from typing import Any, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from routeiq_migrate.database.tls import tls_context
from routeiq_migrate.database.url import Encryption, Target

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class _Whole(asyncpg.Connection):
    """A connection that closes its socket when the server's answer is no PostgreSQL; asyncpg's own leaves it open."""

    __slots__ = ()

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401 - asyncpg's own
        try:
            super().__init__(*parts)
        except BaseException:
            self._abort()  # type: ignore[attr-defined]  # left out of its types
            raise


def no_tls(error: Exception) -> bool:
    """Whether asyncpg says that the server has no TLS to offer."""
    return isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error)


async def open_connection(target: Target, seconds: float, database: str = "") -> Connection:
    """Open a connection within ``seconds``, which the caller closes.

    Nothing is tried again here but what libpq would try in plain text: how long to go on is for the caller to say.

    Args:
        target: the server, and how to reach it.
        seconds: after how many seconds to give up.
        database: the database, in place of the one that ``target`` names.

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
        connection_class=_Whole,
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
