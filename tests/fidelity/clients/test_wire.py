"""HTTP/1.1 as it stands on the wire: the gateway does what stock LiteLLM does."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.clients import wire
from tests.support.clients.sides import Sides
from tests.support.clients.wire import AUTHORIZED, CHAT, Wire
from tests.support.waiting import wait_for

MEGABYTE = 1 << 20
CHANGING = {
    "date",
    "x-litellm-call-id",
    "x-litellm-response-duration-ms",
    "x-litellm-overhead-duration-ms",
}


def seen(port: int, request: bytes, *, bodiless: bool = False) -> tuple[str, frozenset[str]]:
    """Return the first line and the names of headers that one request is answered with."""
    with Wire(port) as to:
        to.send(request)
        answer = to.answer(bodiless=bodiless)
        return answer.line, frozenset(answer.headers) - CHANGING


REQUESTS = {
    "HTTP/1.0": f"GET /v1/models HTTP/1.0\r\n{AUTHORIZED}\r\n",
    "HTTP/1.0, kept alive": f"GET /v1/models HTTP/1.0\r\nConnection: keep-alive\r\n{AUTHORIZED}\r\n",
    "asked to close": f"GET /v1/models HTTP/1.1\r\nConnection: close\r\n{AUTHORIZED}\r\n",
    "OPTIONS": f"OPTIONS /v1/models HTTP/1.1\r\n{AUTHORIZED}\r\n",
    "CORS": (
        "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: x\r\nOrigin: https://example.com\r\n"
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
    ),
    "an origin": f"GET /v1/models HTTP/1.1\r\nOrigin: https://example.com\r\n{AUTHORIZED}\r\n",
    "an escaped path": f"GET /v1/%6Dodels HTTP/1.1\r\n{AUTHORIZED}\r\n",
    "a doubled slash": f"GET //v1/models HTTP/1.1\r\n{AUTHORIZED}\r\n",
    "a trailing slash": f"GET /v1/models/ HTTP/1.1\r\n{AUTHORIZED}\r\n",
    "a whole URL": f"GET http://x/v1/models HTTP/1.1\r\n{AUTHORIZED}\r\n",
    "no host": "GET /health/liveliness HTTP/1.1\r\n\r\n",
    "a header of 48 kB": f"GET /v1/models HTTP/1.1\r\n{AUTHORIZED}X-Long: {'x' * 48_000}\r\n\r\n",
    "a body that is announced and compressed": (
        f"POST /v1/chat/completions HTTP/1.1\r\n{AUTHORIZED}Accept-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}"
    ),
    "an upgrade to HTTP/2": (
        f"GET /v1/models HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{AUTHORIZED}\r\n"
    ),
    "no HTTP": "hello\r\n\r\n",
    "a version that is not there": f"GET / HTTP/9.1\r\n{AUTHORIZED}\r\n",
    "a length that is no number": f"POST /v1/chat/completions HTTP/1.1\r\n{AUTHORIZED}Content-Length: x\r\n\r\n",
    "a chunk whose size is no number": (
        f"POST /v1/chat/completions HTTP/1.1\r\n{AUTHORIZED}Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_answered_as_stock_answers_it(sides: Sides, name: str) -> None:
    """One request by hand is answered with the same first line and the same names of headers."""
    stock, ours = (seen(port, REQUESTS[name].encode()) for port in sides.ports)
    assert ours == stock


def test_head_is_answered_as_stock_answers_it(sides: Sides) -> None:
    """A HEAD is answered with the same first line and the same names of headers."""
    request = f"HEAD /v1/models HTTP/1.1\r\n{AUTHORIZED}\r\n".encode()
    stock, ours = (seen(port, request, bodiless=True) for port in sides.ports)
    assert ours == stock


def keep_alive(to: Wire) -> list[int]:
    """Send three requests, each after the answer to the last."""
    statuses = []
    for request in (wire.post("/v1/chat/completions", CHAT), wire.get("/v1/models"), wire.get("/v1/absent")):
        to.send(request)
        statuses.append(to.answer().status)
    return statuses


def pipelined(to: Wire) -> list[str]:
    """Send three requests at once; the answers come in their order."""
    chat = wire.post("/v1/chat/completions", CHAT)
    to.send(chat + wire.get("/v1/models") + wire.get("/health/liveliness"))
    return [to.answer().body.decode()[:8] for _ in range(3)]


def pipelined_behind_a_stream(to: Wire) -> list[int]:
    """Send a request right behind one that asks for a stream."""
    to.send(wire.post("/v1/chat/completions", CHAT | {"stream": True}) + wire.get("/v1/models"))
    stream = to.answer()
    return [stream.status, stream.body.count(b"data: "), to.answer().status]


def told_to_go_on(to: Wire) -> list[str]:
    """Wait for leave before the body is sent."""
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\n{AUTHORIZED}Content-Type: application/json\r\n"
    to.send(f"{head}Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    leave, _ = to.head()
    to.send(body)
    return [leave, to.answer().line]


def chunked(to: Wire) -> int:
    """Send the body in chunks of seven bytes."""
    body = json.dumps(CHAT).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\n{AUTHORIZED}Content-Type: application/json\r\n"
    to.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    for start in range(0, len(body), 7):
        piece = body[start : start + 7]
        to.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    to.send(b"0\r\n\r\n")
    return to.answer().status


def uploaded(to: Wire) -> bytes:
    """Upload a sound of 20 MB as a form."""
    edge, sound = b"--edge", bytes(20 * MEGABYTE)
    name = b'Content-Disposition: form-data; name="%s"%s\r\n\r\n'
    model = edge + b"\r\n" + name % (b"model", b"") + b"transcription\r\n"
    form = model + edge + b"\r\n" + name % (b"file", b'; filename="a.mp3"') + sound + b"\r\n" + edge + b"--\r\n"
    head = f"POST /v1/audio/transcriptions HTTP/1.1\r\n{AUTHORIZED}Content-Type: multipart/form-data; boundary=edge\r\n"
    to.send(f"{head}Content-Length: {len(form)}\r\n\r\n".encode() + form)
    return to.answer().body


CONVERSATIONS: dict[str, Callable[[Wire], object]] = {
    function.__name__.replace("_", " "): function
    for function in (keep_alive, pipelined, pipelined_behind_a_stream, told_to_go_on, chunked, uploaded)
}
EXPECTED = {
    "keep alive": [200, 200, 404],
    "pipelined": ['{"id":"c', '{"data":', "\"I'm ali"],
    "told to go on": ["HTTP/1.1 100 Continue", "HTTP/1.1 200 OK"],
    "chunked": 200,
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_goes_as_it_goes_with_stock(sides: Sides, name: str) -> None:
    """Several requests, or a request in several parts, on one connection are answered as stock answers them."""
    talks = []
    for port in sides.ports:
        with Wire(port) as to:
            talks.append(CONVERSATIONS[name](to))
    stock, ours = talks
    assert ours == stock == EXPECTED.get(name, stock)


def more_than(count: int, entries: list[str]) -> bool:
    """Whether there are more than ``count`` entries."""
    return len(entries) > count


def test_the_provider_is_let_go_when_a_client_leaves(sides: Sides) -> None:
    """A client that leaves in the middle of a stream ends the stream of the provider, on both sides."""
    pace = sides.providers.pace
    for port in sides.ports:
        let_go = partial(more_than, len(pace.abandoned), pace.abandoned)
        with Wire(port) as to:
            to.send(wire.post("/v1/chat/completions", {**CHAT, "stream": True, "user": "endless"}))
            assert to.head()[0] == "HTTP/1.1 200 OK"
            assert to.chunk()
        wait_for("the provider's stream to be let go", let_go, seconds=10)


def test_a_client_that_reads_slowly_holds_up_nobody(sides: Sides) -> None:
    """While a client leaves 32 MB unread others are answered; then it reads all of it."""
    size = 32 * MEGABYTE
    for port in sides.ports:
        with Wire(port, window=64 << 10) as slow, Wire(port) as other:
            slow.send(wire.post("/v1/audio/speech", {"model": "speech", "voice": "alloy", "input": f"{size} bytes"}))
            assert slow.head()[0] == "HTTP/1.1 200 OK"
            for _ in range(3):
                other.send(wire.post("/v1/chat/completions", CHAT))
                assert other.answer().status == 200
            assert sum(map(len, iter(slow.chunk, b""))) == size
