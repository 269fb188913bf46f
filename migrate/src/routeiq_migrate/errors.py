"""What can go wrong, each kind with the exit code that a script can tell apart."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command; ``docs/migrations.md`` explains them to operators."""

    DONE = 0
    BEHIND = 1
    BAD_SETTINGS = 2
    UNREACHABLE = 3
    FAILED = 4
    REFUSED = 5
    LOCK_TIMEOUT = 6


class MigrateError(Exception):
    """An end of the run that the operator has to hear of, in sentences and without a traceback."""

    exit: Exit


class SettingsError(MigrateError):
    """A setting or argument cannot work; the message names it, what was expected and what to do."""

    exit = Exit.BAD_SETTINGS


class UnreachableError(MigrateError):
    """The database cannot be reached or does not let us in."""

    exit = Exit.UNREACHABLE


class SessionLostError(MigrateError):
    """The session ended under a statement: the server, the network or a pooler took it, or what answers is no server.

    The message is a sentence without what the server said, which may quote rows.
    """

    exit = Exit.UNREACHABLE


class NoDatabaseError(UnreachableError):
    """The server is there and has no database of that name."""


class MigrationFailedError(MigrateError):
    """A script failed and was rolled back; the message names the migration."""

    exit = Exit.FAILED


class MissingRightsError(MigrateError):
    """The user may not do what a command needs; the message has the statements that grant it."""

    exit = Exit.FAILED


class RefusedError(MigrateError):
    """Going on could lose data or would guess; nothing further was changed."""

    exit = Exit.REFUSED


class LockTimeoutError(MigrateError):
    """Another migrator held the lock for longer than the limit."""

    exit = Exit.LOCK_TIMEOUT
