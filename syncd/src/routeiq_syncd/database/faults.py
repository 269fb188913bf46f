"""Faults of PostgreSQL, told from faults of syncd.

A fault that passes (a server that restarts, fails over, is read-only or not there yet, a schema that is still being
made) becomes a `DatabaseAwayError` with a sentence; the caller goes on without the database and tries again. Any
other error is a bug and ends the process.
"""

import ssl

import asyncpg

from routeiq_syncd.errors import UnreachableError

# Classes of SQLSTATE that pass by themselves or by an operator's hand (PostgreSQL manual, appendix A): connection,
# authorisation, transaction rollback, resources, limits, object not in the needed state, operator's intervention,
# system, internal. Poolers report any fault of theirs as internal, too many clients for instance.
PASSING = ("08", "28", "3D", "40", "53", "54", "55", "57", "58", "XX")
PASSING_STATES = {
    "25006": "it is read-only: a standby, or a server being failed over; the URL has to name the primary",
    "25P03": "the transaction was idle for too long and was ended",
    "55P03": "another session holds a lock on what syncd needs; see pg_locks for who",
    "57014": "a statement took too long, or an operator cancelled it",
    "42501": "this user lacks a privilege on the schema routeiq; let it own the schema, or grant it",
    "3F000": "the schema routeiq is not there yet; run `routeiq-migrate up`",
    "42P01": "the tables of the schema routeiq are not there yet; run `routeiq-migrate up`",
    "42703": "the tables of the schema routeiq lack a column that this release uses; upgrade syncd",
    "42883": "the schema routeiq lacks a function that this release uses; upgrade syncd",
}
# The server does not take a value into a row, because its encoding lacks a character for instance: the row is at fault.
REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
SCHEMA_STATES = ("3F000", "42P01", "42703", "42883")


class DatabaseAwayError(UnreachableError):
    """PostgreSQL cannot be used now; the message is a sentence without secrets."""


class SchemaMissingError(DatabaseAwayError):
    """The schema routeiq is not there, or older than this release needs."""


def passing(error: BaseException) -> str | None:
    """Return the words for the fault ``error``, without secrets; None for an error that does not pass."""
    match error:
        case asyncpg.PostgresError():
            state = error.sqlstate or ""
            if state in PASSING_STATES:
                return PASSING_STATES[state]
            # A pooler or another kind of server sent a state that PostgreSQL does not have, or no state.
            foreign = isinstance(error, asyncpg.UnknownPostgresError)
            return f"{type(error).__name__} ({state})" if foreign or state[:2] in PASSING else None
        case UnreachableError():
            return str(error).removesuffix(".")
        case TimeoutError():
            return "it did not answer in time"
        case ssl.SSLCertVerificationError():
            return "its certificate does not verify; give its authority with sslrootcert= (libpq) or sslcert= (Prisma)"
        case OSError():
            return error.strerror or type(error).__name__
        case asyncpg.InterfaceError() | asyncpg.InternalClientError():
            return "the connection was lost"
        case _:
            return None
