"""What a pooler refuses for good, told by its words: a pooler that is busy has the same SQLSTATE."""

import re

import asyncpg

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
