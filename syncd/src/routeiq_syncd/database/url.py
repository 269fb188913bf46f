"""Database URLs, Prisma's dialect and libpq's, translated into what asyncpg takes.

asyncpg hands parameters that it does not know to the server, which refuses the session; so nothing passes unread.
https://www.prisma.io/docs/orm/overview/databases/postgresql names Prisma's, the PostgreSQL manual (34.1) libpq's.
"""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

HIGHEST_PORT = 65535
TRUE = frozenset({"true", "1", "yes", "on"})
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
DEFAULT_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Tls:
    """How to encrypt: whether to try, whether to insist, whom to trust. The last four are paths and a pass phrase."""

    wanted: bool = True
    required: bool = False
    verify_chain: bool = False
    verify_host: bool = False
    authority: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Target:
    """A database and how to reach it; ``pooled``: the URL says that a transaction pooler stands between."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: Tls
    pooled: bool
    connect_seconds: float


class UrlError(Exception):
    """The URL cannot work; the message completes ``NAME …`` and quotes nothing that may be secret."""


def parse_url(url: str) -> Target:
    """Translate ``url``; parameters that mean nothing here, ``schema`` and those of pools among them, are dropped.

    Raises:
        UrlError: it cannot work.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        raise UrlError("must be a URL that starts with postgresql:// (or postgres://).")
    authority, _, path = rest.partition("/")
    if "?" in authority:
        authority, _, query = rest.partition("?")
        path = f"?{query}"
    database, _, query = path.partition("?")
    login, at, address = authority.rpartition("@")
    if "#" in rest or "@" in database or (not at and "@" in rest):
        raise UrlError("cannot be taken apart: percent-encode # / ? @ in the user name and the password.")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    user, _, password = login.partition(":")
    host, port = _address(address)
    return Target(
        host=parameters.get("host") or _decoded(host) or "localhost",
        port=port,
        user=_decoded(user) or "postgres",
        password=_decoded(password),
        database=_decoded(database.rstrip("/")) or "postgres",
        tls=_tls(parameters),
        pooled=parameters.get("pgbouncer", "").lower() in TRUE,
        connect_seconds=_connect_seconds(parameters.get("connect_timeout", "")),
    )


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise UrlError("has a percent-encoded part that is not UTF-8 text or holds a NUL.")
    return decoded


def _address(address: str) -> tuple[str, int]:
    host, port = address, ""
    if address.startswith("["):
        host, _, tail = address[1:].partition("]")
        port = tail.removeprefix(":")
    elif ":" in address:
        host, _, port = address.rpartition(":")
    if not port:
        return host, 5432
    # Not quoted: a password with an unencoded character ends up in either part.
    if "," in host or not (port.isascii() and port.isdigit() and 0 < int(port) <= HIGHEST_PORT):
        raise UrlError("must name one host and a port from 1 to 65535; percent-encode : / @ # ? in the password.")
    return host, int(port)


def _connect_seconds(text: str) -> float:
    if not text:
        return DEFAULT_CONNECT_SECONDS
    if not (text.isascii() and text.isdigit()):
        raise UrlError("has a connect_timeout that is not a whole number of seconds.")
    # libpq's 0 is no limit; a loop that must report has one.
    return min(float(text) or 30.0, 30.0)


def _tls(parameters: dict[str, str]) -> Tls:
    """Read all that concerns TLS: ``sslcert`` is the authority in Prisma and, beside ``sslkey``, libpq's own.

    Raises:
        UrlError: a parameter has a value that cannot work.
    """
    mode = parameters.get("sslmode") or "prefer"
    if mode not in MODES:
        raise UrlError(f"has an sslmode that is none of {', '.join(MODES)}.")
    if "sslidentity" in parameters:
        raise UrlError("has sslidentity, which is not read here; give sslcert, sslkey and sslrootcert (PEM).")
    if mode == "disable":
        return Tls(wanted=False)
    certificate, key = parameters.get("sslcert") or None, parameters.get("sslkey") or None
    chosen = authority = parameters.get("sslrootcert") or None
    if key is None:
        authority, certificate = authority or certificate, None
    elif certificate is None:
        raise UrlError("has sslkey without sslcert, the certificate that belongs to it; give both, or neither.")
    if authority == "system":  # libpq: the machine's own store, and nothing less than verify-full
        authority, mode = None, "verify-full"
    # As Prisma reads it: whatever is not its one word for "do not verify" verifies.
    accepted = parameters.get("sslaccept") or "accept_invalid_certs"
    strict = accepted != "accept_invalid_certs" or mode == "verify-full"
    chain = strict or mode == "verify-ca" or (mode == "require" and chosen is not None)
    return Tls(
        required=strict or mode not in ("allow", "prefer"),
        verify_chain=chain,
        verify_host=strict,
        authority=authority if chain else None,
        certificate=certificate,
        key=key,
        key_password=parameters.get("sslpassword") or None,
    )
