import asyncio
import errno
import socket
from collections.abc import Callable

import httpx
import prisma.engine.errors
import prisma.errors
import pytest
import redis.exceptions

from routeiq_gateway.litellm_edge.database.outages import answers, awaited

URL = "postgresql://user:password@127.0.0.1:{}/litellm"
REQUEST = httpx.Request("GET", "https://idp.example/keys")


def data_error(code: str) -> prisma.errors.DataError:
    """Return the error that Prisma's client raises for an answer of its engine with ``code``."""
    return prisma.errors.DataError({"user_facing_error": {"error_code": code, "message": "x", "meta": {}}})


def status(code: int) -> httpx.HTTPStatusError:
    """Return the error for an answer with an HTTP status."""
    return httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(code, request=REQUEST))


def raised(error: BaseException, *, by: BaseException | None, hidden: bool = False) -> BaseException:
    """Return ``error`` as it is once raised while ``by`` is handled."""
    try:
        try:
            raise by or ValueError
        except BaseException:  # noqa: BLE001 - whatever it is
            if hidden:
                raise error from None
            raise error  # noqa: B904 - that is the point
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


def judged(error: BaseException | None, database: str | None = None) -> str | None:
    """Return what ``error`` says is awaited."""
    return asyncio.run(awaited(error, database))


AWAY: list[BaseException] = [
    ConnectionRefusedError(),
    ConnectionResetError(),
    TimeoutError(),
    socket.gaierror(),
    OSError(errno.EHOSTUNREACH, "x"),
    httpx.ConnectError("x"),
    httpx.ReadTimeout("x"),
    httpx.RemoteProtocolError("x"),
    status(503),
    redis.exceptions.ConnectionError(),
    redis.exceptions.BusyLoadingError(),
    redis.exceptions.TimeoutError(),
]
PRESENT: list[BaseException] = [
    ValueError("connection refused, timed out, can't reach the server"),
    KeyError("x"),
    FileNotFoundError(),
    PermissionError(),
    OSError(errno.ENOEXEC, "x"),
    ImportError("x"),
    status(401),
    status(404),
    redis.exceptions.AuthenticationError(),
    redis.exceptions.ResponseError(),
    SystemExit(1),
]


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: raised(ValueError("x"), by=error)])
@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_what_is_away_is_awaited(error: BaseException, wrap: Callable[[BaseException], BaseException]) -> None:
    """The class of an error tells, or of one that it was raised from."""
    assert judged(wrap(error)) == "a service that LiteLLM reaches at its start"


@pytest.mark.parametrize("error", PRESENT, ids=lambda error: type(error).__name__)
def test_what_is_present_and_says_no_is_a_refusal(error: BaseException) -> None:
    """The words of an error do not count, and an answer that refuses is an answer."""
    assert judged(error) is None


def test_an_error_that_hides_what_came_before_stands_for_itself() -> None:
    """`raise … from None` says that the error before is not the cause."""
    assert judged(raised(ValueError("x"), by=ConnectionRefusedError(), hidden=True)) is None


@pytest.mark.parametrize("code", ["P1000", "P1001", "P1002", "P1008", "P1017", "P2021", "P2022", "P2024", "P2037"])
def test_prismas_codes_of_a_database_that_is_away(listening_database: str, code: str) -> None:
    """Prisma says what it met, also where the server is back by the time that the worker looks."""
    assert judged(data_error(code), listening_database) == "LiteLLM's database (DATABASE_URL)"


def test_an_engine_that_cannot_connect_awaits_the_database(listening_database: str) -> None:
    """Prisma's engine ends where the server cannot be reached, and its client finds no engine."""
    error = prisma.engine.errors.EngineConnectionError("x")
    assert judged(error, listening_database) == "LiteLLM's database (DATABASE_URL)"


@pytest.mark.parametrize("code", ["P2002", "P2003", "P2009", "P2012", "P2025"])
def test_prismas_codes_of_a_database_that_says_no(listening_database: str, code: str) -> None:
    """What the database itself refuses is a refusal."""
    assert judged(data_error(code), listening_database) is None


@pytest.mark.parametrize("error", [*PRESENT, None], ids=lambda error: type(error).__name__)
def test_nothing_is_refused_while_the_database_does_not_answer(error: BaseException | None) -> None:
    """What LiteLLM makes of an outage may be any error."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert judged(error, URL.format(closed.getsockname()[1])) == "LiteLLM's database (DATABASE_URL)"


def test_a_server_that_accepts_and_says_nothing_does_not_answer() -> None:
    """A connection is not an answer."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not asyncio.run(answers(URL.format(silent.getsockname()[1]), 0.2))


@pytest.mark.parametrize(
    "url", ["postgresql:///x", "postgresql:///x?host=/run/postgresql", "postgresql://h:port/x", "file:x"]
)
def test_a_url_that_names_no_host_to_ask_counts_as_one_that_answers(url: str) -> None:
    """What cannot be asked does not excuse a configuration."""
    assert asyncio.run(answers(url))


def test_the_parameters_of_a_url_win_over_its_host(listening_database: str) -> None:
    """As for libpq and for Prisma, `host` and `port` may stand behind the question mark."""
    port = listening_database.rpartition(":")[2].partition("/")[0]
    assert asyncio.run(answers(f"postgresql://u:p@localhost:1/d?host=127.0.0.1&port={port}"))
