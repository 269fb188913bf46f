"""What a server or a pooler refuses for good; a pooler by its words, for one that is busy has the same SQLSTATE."""

import re
import ssl

import asyncpg

from routeiq_migrate.database.connect import no_tls

REFUSALS = (
    (
        re.compile("unsupported startup parameter|invalid (server|startup) parameter", re.IGNORECASE),
        "Take that parameter out of the URL, or have the pooler pass over it (PgBouncer: ignore_startup_parameters).",
    ),
    (
        re.compile(
            "no such database|database is required|no pool configured|route for .* not found|tenant or user not found",
            re.IGNORECASE,
        ),
        "Name this database in the pooler's configuration, or correct the name in the URL.",
    ),
    (
        re.compile("no such user|authentication failed|login failed:|certificate required", re.IGNORECASE),
        "Check user name and password in the URL, and the pooler's own list of users.",
    ),
    (
        re.compile("(ssl|tls)( connection)? required", re.IGNORECASE),
        "Set sslmode=require in the URL.",
    ),
    (
        re.compile("pooling mode", re.IGNORECASE),
        "Have the pooler pool sessions or transactions (PgBouncer: pool_mode=transaction).",
    ),
    (
        re.compile("prepared statement", re.IGNORECASE),
        "Have the pooler take the extended protocol of queries, or go around it.",
    ),
    (
        re.compile("^not allowed|not allowed$|not supported|unsupported", re.IGNORECASE),
        "Have the pooler allow this user and database what was asked.",
    ),
)
"""What the pooler says, and what to do about it. "no more connections allowed" is none of these: that passes."""

AROUND = "Or set DIRECT_URL to the server itself."

MISSING_DATABASE = re.compile('database ".*" does not exist')


LASTING = ("0A", "22", "28", "3D", "42")
"""The classes of SQLSTATE in which a server turns down what we ask for at a login; time cures none of them."""

UNKNOWN_METHOD = "authentication method"
"""What asyncpg says of a way to log in that it does not have."""


def pooler_advice(error: Exception) -> str:
    """Return what to do about a refusal that time does not cure; empty where time may cure it."""
    if not isinstance(error, asyncpg.PostgresConnectionError | asyncpg.FeatureNotSupportedError):
        return ""
    words = pooler_words(error)
    return next((f"{advice} {AROUND}" for pattern, advice in REFUSALS if pattern.search(words)), "")


def pooler_words(error: Exception) -> str:
    """Return what a pooler said, without what asyncpg puts before it when the connection is closed as well."""
    return str(error).removeprefix("connection was closed in the middle of operation: ").strip()


def lacks_database(error: Exception) -> bool:
    """Whether the server has no such database, as it says itself or as a pooler says in its place."""
    told = isinstance(error, asyncpg.ProtocolViolationError) and MISSING_DATABASE.search(str(error))
    return isinstance(error, asyncpg.InvalidCatalogNameError) or bool(told)


def may_pass(error: Exception) -> bool:
    """Whether time may cure what keeps us out: all but what a server, or a pooler in its words, refuses for good."""
    refused = isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(LASTING)
    # A server that is stopped under a handshake hangs up.
    untrusted = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    unable = isinstance(error, asyncpg.InterfaceError) and UNKNOWN_METHOD in str(error)
    return not (refused or untrusted or unable or no_tls(error) or pooler_advice(error))
