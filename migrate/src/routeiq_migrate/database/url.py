"""Prisma's database URLs, translated into what a PostgreSQL client needs.

Prisma and libpq share the shape of a URL and differ in its parameters; both dialects occur in the wild.
https://www.prisma.io/docs/orm/overview/databases/postgresql names Prisma's, the PostgreSQL manual (34.1) libpq's.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qsl, quote, unquote

from routeiq_migrate.errors import SettingsError

DROPPED = frozenset(
    {
        "channel_binding",
        "connection_limit",
        "max_connection_lifetime",
        "max_idle_connection_lifetime",
        "pool_timeout",
        "single_use_connections",
        "socket_timeout",
        "statement_cache_size",
    }
)
"""Parameters that tune Prisma's pool and mean nothing to one short session."""

TRUE = frozenset({"true", "1", "yes", "on"})
IDENTIFIER_BYTES = 63
SURELY_SECRET = 6
"""From this length on a password is masked inside of words too; a shorter one would mask ordinary words."""
HIGHEST_PORT = 65535
DEFAULT_CONNECT_SECONDS = 5.0


class Encryption(Enum):
    """Whether the session is encrypted: never, where the server can, or always."""

    OFF = "off"
    PREFERRED = "preferred"
    REQUIRED = "required"


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
    """A database and how to reach it; ``unknown`` holds the names of parameters that nobody reads."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    schema: str
    tls: Tls
    pooled: bool
    connect_seconds: float | None
    server_settings: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be printed."""
        plain = [secret for secret in (self.password, self.tls.key_password) if secret]
        return tuple({*plain, *(quote(secret, safe="") for secret in plain)})


def parse_url(url: str, *, setting: str, schema: str | None = None) -> Target:
    """Translate ``url``; ``schema`` overrides the one it names.

    Raises:
        SettingsError: the URL cannot work; names ``setting`` and what to do, and quotes nothing of the URL
            that may be secret.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        raise SettingsError(
            f"{setting} must be a URL that starts with postgresql:// (or postgres://); Prisma Accelerate and "
            "other kinds of database cannot be migrated. Correct it."
        )
    authority, slash, path = rest.partition("/")
    if not slash:
        authority, _, path = rest.partition("?")
        path = f"?{path}" if path else ""
    database, _, query = path.partition("?")
    login, at, address = authority.rpartition("@")
    if "#" in rest or "@" in database or "?" in authority or (not at and "@" in rest):
        raise SettingsError(
            f"{setting} cannot be taken apart: a character such as # / ? @ stands unencoded in the user name or "
            "password. Percent-encode it (for example @ as %40, # as %23, / as %2F)."
        )
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    user, _, password = login.partition(":")
    host, port = split_address(address, setting)
    name = parameters.pop("schema", "") or "public"
    return Target(
        host=parameters.pop("host", "") or decode(host, setting) or "localhost",
        port=port,
        user=decode(user, setting) or "postgres",
        password=decode(password, setting),
        database=decode(database.rstrip("/"), setting) or "postgres",
        schema=checked_schema(schema or name, setting),
        tls=tls_of(parameters, setting),
        pooled=parameters.pop("pgbouncer", "").lower() in TRUE,
        connect_seconds=connect_seconds(parameters, setting),
        server_settings=tuple(
            (key, value) for key in ("application_name", "options") if (value := parameters.pop(key, ""))
        ),
        unknown=tuple(sorted(set(parameters) - DROPPED)),
    )


def decode(text: str, setting: str) -> str:
    """Undo percent-encoding.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise SettingsError(
            f"{setting} has a percent-encoded part that is not UTF-8 text or holds a NUL. Encode it from UTF-8."
        ) from None
    return decoded


def split_address(address: str, setting: str) -> tuple[str, int]:
    """Split ``host:port``, ``[v6]:port`` or a host alone; the port defaults to 5432.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    host, port = address, ""
    if address.startswith("["):
        host, _, tail = address[1:].partition("]")
        port = tail.removeprefix(":")
    elif ":" in address:
        host, _, port = address.rpartition(":")
    if not port:
        return host, 5432
    # Neither the port nor the rest is quoted: a password with an unencoded character ends up in either.
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= HIGHEST_PORT):
        raise SettingsError(
            f"{setting} has no valid port: expected a number from 1 to 65535 after the host. If the password holds "
            "one of : / @ # ?, percent-encode that character."
        )
    if "," in host:
        raise SettingsError(f"{setting} names several hosts; expected one, the writer. Name that one.")
    return host, int(port)


def checked_schema(schema: str, setting: str) -> str:
    """Return ``schema`` if PostgreSQL can keep it as written.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    if len(schema.encode()) > IDENTIFIER_BYTES or "\0" in schema:
        raise SettingsError(
            f"{setting} names a schema longer than {IDENTIFIER_BYTES} bytes, which PostgreSQL would cut. Shorten it."
        )
    return schema


def connect_seconds(parameters: dict[str, str], setting: str) -> float | None:
    """Take ``connect_timeout`` (whole seconds, 0 means no limit) out of ``parameters``.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    text = parameters.pop("connect_timeout", "")
    if not text:
        return DEFAULT_CONNECT_SECONDS
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{setting} has connect_timeout={text!r}; expected whole seconds, 0 for no limit.")
    return float(text) or None


def tls_of(parameters: dict[str, str], setting: str) -> Tls:
    """Take all that concerns TLS out of ``parameters``.

    ``sslcert`` is the authority in Prisma and the client's certificate in libpq; ``sslkey`` beside it, which
    Prisma does not know, tells the dialects apart. Prisma verifies only with ``sslaccept=strict``, which LiteLLM
    reads as libpq's ``verify-full`` whatever ``sslmode`` says.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    if "sslidentity" in parameters:
        raise SettingsError(
            f"{setting} has sslidentity, a PKCS #12 file, which is not read here. Convert it with `openssl pkcs12` "
            "and give sslcert, sslkey and sslrootcert (PEM) instead."
        )
    mode = parameters.pop("sslmode", "") or "prefer"
    accept = parameters.pop("sslaccept", "") or "accept_invalid_certs"
    certificate = parameters.pop("sslcert", "") or None
    key = parameters.pop("sslkey", "") or None
    authority = parameters.pop("sslrootcert", "") or None
    phrase = parameters.pop("sslpassword", "") or None
    modes = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
    if mode not in modes:
        raise SettingsError(f"{setting} has sslmode={mode!r}; expected one of {', '.join(modes)}.")
    chosen = authority
    if key is None:
        authority, certificate = authority or certificate, None
    elif certificate is None:
        raise SettingsError(f"{setting} has sslkey without sslcert; expected both, a client certificate and its key.")
    if mode == "disable":
        return Tls(Encryption.OFF)
    if authority == "system":  # libpq: the machine's own store, and nothing less than verify-full
        authority, mode = None, "verify-full"
    strict = accept != "accept_invalid_certs" or mode == "verify-full"
    # libpq: an authority given with sslmode=require is checked as with verify-ca. Prisma's own sslcert is not.
    chain = strict or mode == "verify-ca" or (mode == "require" and chosen is not None)
    return Tls(
        encryption=Encryption.PREFERRED if mode in ("allow", "prefer") and not strict else Encryption.REQUIRED,
        verify_chain=chain,
        verify_host=strict,
        authority=authority if chain else None,
        certificate=certificate,
        key=key,
        key_password=phrase,
    )


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Return ``text`` with every one of ``secrets`` masked, longest first; very short ones only as whole words."""
    for secret in sorted(secrets, key=len, reverse=True):
        edge = "" if len(secret) >= SURELY_SECRET else r"\b"
        text = re.sub(edge + re.escape(secret) + edge, "***", text)
    return text
