"""What a pooler refuses for good ends a run at once, with its words; what passes is waited for."""

import struct
import subprocess

import pytest

from tests.support.migrate import BEHIND, DONE, UNREACHABLE, is_current, migrate
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer
from tests.support.processes import free_port
from tests.support.tcp_proxy import proxying

FOR_GOOD = [
    ("unsupported startup parameter: extra_float_digits", "ignore_startup_parameters"),
    ("unsupported startup parameter: options=-c role=x", "ignore_startup_parameters"),
    ("no such database: litellm", "pooler's configuration"),
    ("No pool configured for database: d, user: u", "pooler's configuration"),
    ("odyssey: c1: route for 'd.u' is not found", "pooler's configuration"),
    ("Tenant or user not found", "pooler's configuration"),
    ("no such user: u", "user name and password"),
    ("SASL authentication failed", "user name and password"),
    ("not allowed", "allow this user"),
    ("SSL required", "sslmode=require"),
    ("transaction blocks not allowed in statement pooling mode", "pool_mode=transaction"),
    ("prepared statements are not supported", "extended protocol"),
    ("old V2 protocol not supported", "allow this user"),
]
OPTIONS = "options=-c%20statement_timeout%3D50s"
PASSES = ["no more connections allowed (max_client_conn)", "server login has been failing, try again later", "shutting"]


def error_of(words: str, state: str) -> bytes:
    """Return the message in which a server refuses a session (ErrorResponse)."""
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", words)))
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"


@pytest.mark.parametrize("state", ["08P01", "0A000"])
@pytest.mark.parametrize(("words", "advice"), FOR_GOOD)
def test_a_lasting_refusal_ends_the_run_with_its_words(words: str, advice: str, state: str) -> None:
    """Poolers of several kinds, by their own words: exit 3 without a wait, the words, and what to do."""
    with proxying(free_port()) as pooler:
        pooler.reply = error_of(words, state)
        url = f"postgresql://u:hidden@127.0.0.1:{pooler.port}/d?sslmode=disable"
        done = migrate("up", "--wait", "90", url=url)  # the command itself is ended after 100 s
    assert done.returncode == UNREACHABLE, done.stderr
    assert words in done.stderr
    assert advice in done.stderr
    assert "DIRECT_URL" in done.stderr
    assert "waiting for the database" not in done.stderr


@pytest.mark.parametrize("words", PASSES)
def test_a_refusal_that_passes_is_waited_for(words: str) -> None:
    """A pooler that is full or without its server, or says what nobody knows: tried until the limit."""
    with proxying(free_port()) as pooler:
        pooler.reply = error_of(words, "08P01")
        url = f"postgresql://u:hidden@127.0.0.1:{pooler.port}/d?sslmode=disable"
        done = migrate("up", "--wait", "1", url=url)
    assert done.returncode == UNREACHABLE
    assert "waiting for the database" in done.stderr
    assert words in done.stderr.splitlines()[-1]
    assert "Gave up after 1 s." in done.stderr


@pytest.mark.parametrize(
    ("given", "words", "cure"),
    [
        ({"query": OPTIONS}, "unsupported startup parameter: options", {"query": ""}),
        ({"query": OPTIONS}, "unsupported startup", {"more": "ignore_startup_parameters = options"}),
        ({"database": "other"}, "no such database", {"database": "*"}),
        ({"pool_mode": "statement"}, "statement pooling mode", {"pool_mode": "transaction"}),
        ({"pool_mode": "statement"}, "statement pooling mode", {"direct": "yes"}),
    ],
)
def test_what_pgbouncer_refuses_is_cured_as_advised(
    server: PostgresServer, late: str, given: dict[str, str], words: str, cure: dict[str, str]
) -> None:
    """The real PgBouncer: refused at once; with what the message advises ``up`` goes through."""

    def up(query: str = "", direct: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        with running_pgbouncer(server, **settings) as port:  # type: ignore[arg-type] # settings by name
            url = server.url(late, query=query).replace(f":{server.port}/", f":{port}/")
            around = {"DIRECT_URL": server.url(late)} if direct else {}
            return migrate("up", "--wait", "90", url=url, **around)

    refused = up(**given)
    assert refused.returncode == UNREACHABLE, refused.stderr
    assert words in refused.stderr
    assert "waiting" not in refused.stderr
    done = up(**(given | cure))
    assert done.returncode == DONE, done.stderr
    assert is_current(server, late)


def test_a_password_that_pgbouncer_refuses_is_not_tried_again(server: PostgresServer, late: str) -> None:
    """PgBouncer says so under the state of a broken protocol: ended at once, and the password is not told."""
    with running_pgbouncer(server) as port:
        url = server.url(late, password="not-the-one").replace(f":{server.port}/", f":{port}/")
        done = migrate("up", "--wait", "90", url=url)
    assert done.returncode == UNREACHABLE
    assert "authentication failed" in done.stderr
    assert "not-the-one" not in done.stderr
    assert "waiting" not in done.stderr


def test_a_database_behind_a_pooler_is_created(server: PostgresServer, database: str) -> None:
    """PgBouncer tells in words that the server has no such database: ``up`` creates it, and all else says so."""
    server.drop_database(database)
    with running_pgbouncer(server) as port:
        url = server.url(database).replace(f":{server.port}/", f":{port}/")
        assert migrate("status", url=url).returncode == UNREACHABLE
        assert migrate("wait", "--limit", "0.5", url=url).returncode == BEHIND
        done = migrate("up", "--wait", "20", url=url)
        assert done.returncode == DONE, done.stderr
    assert is_current(server, database)
