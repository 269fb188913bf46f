"""Database URLs, Prisma's dialect and libpq's, translated into what asyncpg takes.

asyncpg hands parameters that it does not know to the server, which refuses the session; so nothing passes unread.
https://www.prisma.io/docs/orm/overview/databases/postgresql names Prisma's, the PostgreSQL manual (34.1) libpq's. As in
libpq a parameter goes before what stands ahead of the question mark; an empty one counts as absent.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from itertools import takewhile
from urllib.parse import quote, unquote

from routeiq_syncd.errors import SettingsError

# Parameters that tune a pool and mean nothing to one session.
POOLS = ("connection_limit", "max_connection_lifetime", "max_idle_connection_lifetime", "pool_timeout")
DROPPED = frozenset({*POOLS, "channel_binding", "single_use_connections", "socket_timeout", "statement_cache_size"})
# Parameters that choose a server or an identity: a session without them would be another one.
REFUSED = {
    "hostaddr": "Give the address in place of the host.",
    "service": "Write what the service's file says into the URL.",
    "sslidentity": "Convert the PKCS #12 file with `openssl pkcs12`; give sslcert, sslkey and sslrootcert (PEM).",
}
# In what libpq alone reads a plus is a plus; in Prisma's parameters it is a blank, as in a form.
LIBPQ_ONLY = frozenset({"dbname", "password", "sslkey", "sslrootcert", "user"})
TRUE = frozenset({"true", "1", "yes", "on"})
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ADDRESS = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>.*))?")
WHOLE_NUMBER = re.compile("[0-9]{1,9}")
HIGHEST_PORT = 65535
IDENTIFIER_BYTES = 63
DEFAULT_CONNECT_SECONDS = 5.0
# Whether the session is encrypted: never, where the server can, or always.
Encryption = Enum("Encryption", ["OFF", "PREFERRED", "REQUIRED"])


@dataclass(frozen=True)
class Tls:
    """How to encrypt and whom to trust; the last four are paths and a pass phrase."""

    encryption: Encryption = Encryption.PREFERRED
    verify_chain: bool = False
    verify_host: bool = False
    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Target:
    """A database and how to reach it, as the variable ``setting`` says; a ``host`` with a / is a UNIX socket's folder.

    ``connect_seconds`` is None for no limit; ``unknown`` holds the names of parameters that nobody reads.
    """

    setting: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    schema: str
    tls: Tls
    pooled: bool
    connect_seconds: float | None
    server_settings: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed."""
        plain = [secret for secret in (self.password, self.tls.key_password) if secret]
        return tuple({*plain, *(quote(secret, safe="") for secret in plain)})


class _RefusedError(Exception):
    """The message completes ``SETTING …`` and quotes nothing that may be part of a password."""


def parse_url(url: str, *, setting: str = "DATABASE_URL", schema: str | None = None) -> Target:
    """Translate ``url``, the value of the variable ``setting``; ``schema`` overrides the schema that the URL names.

    Raises:
        SettingsError: the URL cannot work; names ``setting`` and what to do, and quotes no secret.
    """
    try:
        return _target(url, setting, schema)
    except _RefusedError as error:
        raise SettingsError(f"{setting} {error}") from None


def _target(url: str, setting: str, schema: str | None) -> Target:
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        others = "Prisma Accelerate and other kinds of database are not read here"
        raise _RefusedError(f"must be a URL that starts with postgresql:// (or postgres://); {others}. Correct it.")
    before, _, query = rest.partition("?")
    authority, _, database = before.partition("/")
    login, _, address = authority.rpartition("@")
    if "#" in rest or "@" in database + query:
        raise _RefusedError(
            "cannot be taken apart: a character such as # / ? @ stands unencoded in it, in the password for example; "
            "percent-encode it (@ as %40, # as %23, / as %2F, ? as %3F)."
        )
    given = _parameters(query)
    names = [*given]
    user, _, password = login.partition(":")
    host, port = _address(address, given.pop("host", ""), given.pop("port", ""))
    named = given.pop("schema", "")
    schema = schema or named or "public"
    if len(schema.encode()) > IDENTIFIER_BYTES:
        raise _RefusedError(f"names a schema of more than {IDENTIFIER_BYTES} bytes, which PostgreSQL cuts. Shorten it.")
    seconds = given.pop("connect_timeout", "") or f"{DEFAULT_CONNECT_SECONDS:g}"
    if not WHOLE_NUMBER.fullmatch(seconds):
        raise _RefusedError("has a connect_timeout that is not a whole number of seconds. Give one; 0 is no limit.")
    return Target(
        setting=setting,
        host=host,
        port=port,
        user=given.pop("user", "") or _decoded(user) or "postgres",
        password=given.pop("password", "") or _decoded(password),
        database=given.pop("dbname", "") or _decoded(database.rstrip("/")) or "postgres",
        schema=schema,
        tls=_tls(given),
        pooled=given.pop("pgbouncer", "").lower() in TRUE,
        connect_seconds=float(seconds) or None,
        server_settings=tuple((key, text) for key in ("application_name", "options") if (text := given.pop(key, ""))),
        unknown=_unknown(names, given.keys() - DROPPED),
    )


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise _RefusedError("has a percent-encoded part that is not UTF-8 text or holds a NUL. Encode it from UTF-8.")
    return decoded


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, text = part.partition("=")
        if not equals or not name:
            raise _RefusedError("has a parameter that is no NAME=VALUE. Percent-encode ? as %3F and & as %26.")
        if part == "ssl=true":  # libpq takes this from JDBC
            name, text = "sslmode", "require"
        found[_decoded(name)] = _decoded(text if name in LIBPQ_ONLY else text.replace("+", " "))
    for name, advice in REFUSED.items():
        if found.get(name):
            raise _RefusedError(f"has {name}, which is not read here. {advice}")
    return found


def _unknown(names: list[str], left: set[str]) -> tuple[str, ...]:
    # What follows a password may be the rest of it, behind an & that should have been encoded.
    shown = {*takewhile(lambda name: name not in ("password", "sslpassword"), names)}
    return tuple(sorted({name if name in shown else "***" for name in left}))


def _address(address: str, host: str, port: str) -> tuple[str, int]:
    if "," in unquote(address) + host + port:
        raise _RefusedError("names several hosts or ports; expected one, the writer's. Name that one.")
    found = ADDRESS.fullmatch(address)
    port = port or (found and found["port"]) or "5432"
    # Neither the port nor the rest is quoted: a password with an unencoded character ends up in either.
    if found is None or not WHOLE_NUMBER.fullmatch(port) or not 0 < int(port) <= HIGHEST_PORT:
        raise _RefusedError(
            "has no valid host and port: expected a host (an IPv6 address in brackets) and a port from 1 to 65535. If "
            "the password holds one of : / @ # ?, percent-encode that character."
        )
    return host or _decoded(found["six"] or found["host"] or "") or "localhost", int(port)


def _tls(given: dict[str, str]) -> Tls:
    # Prisma's sslcert is the authority, libpq's the client's certificate, which an sslkey belongs to; Prisma has none.
    # Prisma verifies with sslaccept=strict alone, whatever sslmode says; a misspelt word for it is the careful one.
    names = ("sslmode", "sslaccept", "sslrootcert", "sslcert", "sslkey", "sslpassword")
    mode, accepted, chosen, certificate, key, phrase = (given.pop(name, "") or None for name in names)
    mode, authority = mode or "prefer", chosen
    if mode not in MODES:
        raise _RefusedError(f"has an sslmode that is none of {', '.join(MODES)}. Give one of these.")
    if key is None:
        authority, certificate = authority or certificate, None
    elif certificate is None:
        raise _RefusedError("has sslkey without sslcert, the certificate that belongs to it. Give both, or neither.")
    if mode == "disable":
        return Tls(Encryption.OFF)
    if authority == "system":  # libpq: the machine's own store, and nothing less than verify-full
        authority, mode = None, "verify-full"
    strict = accepted not in (None, "accept_invalid_certs") or mode == "verify-full"
    # libpq: an authority given with sslmode=require is checked as with verify-ca. Prisma's own sslcert is not.
    chain = strict or mode == "verify-ca" or (mode == "require" and chosen is not None)
    encryption = Encryption.REQUIRED if strict or mode not in ("allow", "prefer") else Encryption.PREFERRED
    return Tls(encryption, chain, strict, authority if chain else None, certificate, key, phrase)
