"""Faults of PostgreSQL in words.

Whatever goes wrong between syncd and what answers as PostgreSQL means that the database is away: a server that
restarts, fails over or is being restored, a schema that is still being made, a pooler, a trigger, half a protocol. Each
becomes a `DatabaseAwayError` with a sentence; the caller goes on without the database and tries again.
"""

import ssl

import asyncpg

from routeiq_syncd.database.connect import WrongAnswerError
from routeiq_syncd.errors import UnreachableError

# SQLSTATEs (PostgreSQL manual, appendix A) for which an operator can do something, and what.
STATES = {
    "25006": "it is read-only: a standby, or a server being failed over; the URL has to name the primary",
    "25P03": "the transaction was idle for too long and was ended",
    "55P03": "another session holds a lock on what syncd needs; see pg_locks for who",
    "57014": "a statement took too long, or an operator cancelled it",
    "42501": "this user lacks a privilege on the schema routeiq; let it own the schema, or grant it",
    "3F000": "the schema routeiq is not there yet; run `routeiq-migrate up`",
    "42P01": "the tables of the schema routeiq are not there yet; run `routeiq-migrate up`",
    "42703": "the tables of the schema routeiq lack a column that this release uses; upgrade syncd",
    "42883": "the schema routeiq lacks a function that this release uses; upgrade syncd",
    "42P10": "a table of the schema routeiq lacks its key, as while a dump is restored; else restore the key",
    "28P01": "it does not accept the user or the password of the URL; mend the URL",
    "28000": "it lets this user not in from here; see pg_hba.conf, or mend the URL",
    "3D000": "it has no database of the name in the URL; create the database, or mend the URL",
}
REFUSALS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
SCHEMA_STATES = ("3F000", "42P01", "42703", "42883")


class DatabaseAwayError(UnreachableError):
    """PostgreSQL cannot be used now; the message is a sentence without secrets."""


class SchemaMissingError(DatabaseAwayError):
    """The schema routeiq is not there, or older than this release needs."""


class RowRefusedError(DatabaseAwayError):
    """The server does not take a value into a row, because its encoding lacks a character for instance."""


def away(error: Exception, place: str) -> DatabaseAwayError:
    """Return the error that says that the database at ``place`` is away, whatever ``error`` is; without secrets."""
    state = getattr(error, "sqlstate", None)
    kind = DatabaseAwayError
    if isinstance(error, SchemaMissingError) or state in SCHEMA_STATES:
        kind = SchemaMissingError
    elif isinstance(error, REFUSALS):
        kind = RowRefusedError
    return kind(f"{place} cannot be used: {_words(error)}.")


def _words(error: Exception) -> str:
    match error:
        # asyncpg tells why it lost a connection as the cause of its own error.
        case WrongAnswerError() | Exception(__cause__=WrongAnswerError()):
            return str(error if isinstance(error, WrongAnswerError) else error.__cause__)
        case asyncpg.PostgresError():
            # A pooler or another kind of server may send a state that PostgreSQL does not have, or no state.
            state = error.sqlstate or "no SQLSTATE"
            return STATES.get(state, f"{type(error).__name__} ({state})")
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
            # asyncpg trips over a server that does not tell its version, for instance.
            return f"what answers there does not answer as PostgreSQL does ({type(error).__name__})"
