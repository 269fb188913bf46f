"""What answers as PostgreSQL says anything at any moment: each command ends with a sentence and a documented code."""

import time

import pytest

from tests.support.hostile_messages import SECRET
from tests.support.hostile_postgres import Break, hostile_postgres, message, told
from tests.support.migrate import DONE, FAILED, UNREACHABLE, is_current, migrate
from tests.support.postgres import PostgresServer


@pytest.mark.parametrize("state", ["XX000", "53300", "57P05", "08P01", "ZZ999", ""])
def test_a_refusal_that_is_not_known_to_last_is_waited_for(server: PostgresServer, whole: str, state: str) -> None:
    """At the login a pooler's internal error, a limit, a state of nobody's: `up` goes on once it has passed."""
    with hostile_postgres(server.port) as hostile:
        hostile.broken = Break(0, lambda _whole: told(b"E", "FATAL", state, "max clients reached"), "close")
        url = server.url(whole, query="sslmode=disable").replace(f":{server.port}/", f":{hostile.port}/")
        refused = migrate("up", "--wait", "1", url=url)
        assert refused.returncode == UNREACHABLE
        assert "Gave up after 1 s" in refused.stderr
        hostile.broken = None
        assert migrate("up", "--wait", "1", url=url).returncode == DONE


@pytest.mark.parametrize("state", ["57P05", "25P03", "XX000", "53200", "ZZ999"])
def test_an_end_of_the_session_is_no_failed_migration(server: PostgresServer, late: str, state: str) -> None:
    """Whatever state the server ends a session with, `up` goes on in another one, and the ledger is whole."""
    with hostile_postgres(server.port) as hostile:
        url = server.url(late, query="sslmode=disable").replace(f":{server.port}/", f":{hostile.port}/")
        ends = iter([Break(60, lambda _whole: told(b"E", "FATAL", state, SECRET), "close")])

        def once(whole: bytes) -> bytes:
            if hostile.fired.is_set():
                hostile.broken = None
            return whole

        hostile.every, hostile.broken = once, next(ends)
        done = migrate("up", url=url)
    assert hostile.fired.is_set()
    assert done.returncode == DONE, done.stderr
    assert SECRET not in done.stderr
    assert is_current(server, late)


def test_what_is_no_postgresql_is_told_in_a_sentence(server: PostgresServer, whole: str) -> None:
    """A server that lets in and says no version, and one that goes on with a login nobody began: exit 3, in words."""
    for reply, words in (
        (message(b"R", bytes(4)) + message(b"Z", b"I"), "does not answer as PostgreSQL does"),
        (message(b"R", b"\0\0\0\x0cv=AAAA"), "login that was not begun"),
    ):
        with hostile_postgres(server.port) as hostile:
            hostile.broken = Break(0, lambda _whole, reply=reply: reply, "hold")  # type: ignore[misc]  # mypy infers no lambda default
            url = server.url(whole, query="sslmode=disable").replace(f":{server.port}/", f":{hostile.port}/")
            done = migrate("up", "--wait", "1", url=url)
        assert done.returncode == UNREACHABLE, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_a_refused_question_is_waited_out(server: PostgresServer, whole: str) -> None:
    """While the ledger cannot be read, as while a dump is restored, `wait` goes on to its limit and says why."""
    server.sql("ALTER TABLE _prisma_migrations RENAME COLUMN logs TO diary", database=whole)
    began = time.monotonic()
    behind = migrate("wait", "--limit", "2", url=server.url(whole))
    assert behind.returncode != FAILED, behind.stderr
    assert "42703" in behind.stderr
    assert time.monotonic() - began >= 2
