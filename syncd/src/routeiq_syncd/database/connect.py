"""Opening a connection to PostgreSQL, encrypted as the URL asks for."""

import ssl
from typing import Any, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from routeiq_syncd.database.url import Target

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


async def open_connection(target: Target) -> Connection:
    """Open a connection, which the caller closes.

    Raises:
        ConnectionError: the server cannot be reached.
        InvalidAuthorizationSpecificationError: the server does not let this user in.
    """
    context = _tls_context(target)
    try:
        return await _open(target, context or False)
    except (ConnectionError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        # libpq's rule for sslmode=prefer: plain text if there is no TLS, or if pg_hba.conf asks for it.
        wrong = isinstance(error, asyncpg.InvalidPasswordError)
        refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError) and not wrong
        if context is None or target.tls.required or not (refused or "rejected SSL upgrade" in str(error)):
            raise
    return await _open(target, encryption=False)


async def _open(target: Target, encryption: ssl.SSLContext | bool) -> Connection:  # noqa: FBT001 - as asyncpg has it
    return await asyncpg.connect(
        host=target.host,
        port=target.port,
        user=target.user,
        password=target.password,
        database=target.database,
        ssl=encryption,
        timeout=target.connect_seconds,
        # A pooler may hand each statement to another server, which knows none of our prepared ones.
        statement_cache_size=0,
        target_session_attrs=SessionAttribute.any,
        connection_class=_Whole,
    )


def _tls_context(target: Target) -> ssl.SSLContext | None:
    tls = target.tls
    if not tls.wanted:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.verify_host
    context.verify_mode = ssl.CERT_REQUIRED if tls.verify_chain else ssl.CERT_NONE
    if tls.verify_chain and tls.authority is None:
        context.load_default_certs()
    elif tls.verify_chain:
        context.load_verify_locations(cafile=tls.authority)
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key, password=tls.key_password or "")
    return context
