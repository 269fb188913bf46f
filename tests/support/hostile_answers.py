"""Answers that no store should give and some do, for Hypothesis to choose from."""

from hypothesis import strategies as st

from tests.support.hostile_http import Answer

GOOD = b"model_list: []\n"
STATUSES = ("200 OK", "200", "206 Partial Content", "204 No Content", "304 Not Modified", "412 Precondition Failed")
REFUSALS = ("400 Bad Request", "401 x", "403 Forbidden", "404 Not Found", "429 x", "500 x", "503 Slow Down", "999 x")
REDIRECTS = ("301 Moved Permanently", "302 Found", "307 Temporary Redirect")
BROKEN_HEADS = (b"", b"\x00\xff\x16\x03\x01", b"HTTP/9.9 200 OK\r\n\r\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 two OK\r\n\r\n")
HEADERS = (
    'ETag: "one"',
    'ETag: "two"',
    "ETag: \xe9\xff",
    "ETag:",
    "ETag: " + "e" * 5000,
    "x-amz-version-id: v1",
    "x-amz-version-id: \x01",
    "Content-Length: 15",
    "Content-Length: 3",
    "Content-Length: 999999999999",
    "Content-Length: -1",
    "Content-Length: many",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Content-Type: text/html",
    "Last-Modified: yesterday",
    "Expires: never",
    "x-amz-checksum-crc32: AAAAAA==",
    "x-amz-checksum-crc32: not base64",
    "x-amz-missing-meta: many",
    "x-amz-server-side-encryption: what",
    "x-amz-bucket-region: nowhere-1",
    "x-amz-meta-" + "k" * 200 + ": v",
    "Location: /",
    "Location: http://127.0.0.1:1/",
    "Connection: keep-alive",
    "no colon",
)
BODIES = (
    b"",
    GOOD,
    b"f\r\nmodel_list: []\n\r\n0\r\n\r\n",
    b"ffffffffff\r\nmodel",
    b"zz\r\n",
    b"\x1f\x8b\x08\x00garbage",
    b"\x1f\x8b\x08" + bytes(40),
    b"<Error><Code>AccessDenied</Code></Error>",
    b"<Error><Code>ExpiredToken</Code><Message>%s</Message></Error>" % (b"x" * 9000),
    b"<Error><Code>PermanentRedirect</Code><Endpoint>127.0.0.1:1</Endpoint></Error>",
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
    b"<Error><Code>",
    b"{not json",
    b'{"AccessKeyId": 1}',
    b"\xff" * 2000,
    b"# " + b"x" * 300_000,
)


def _head(status: str, headers: list[str]) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1")


def _cut(pieces: tuple[bytes, ...], at: int | None) -> tuple[bytes, ...]:
    return pieces if at is None else (b"".join(pieces)[:at],)


HEADS = st.builds(
    _head, st.sampled_from(STATUSES * 3 + REFUSALS + REDIRECTS), st.lists(st.sampled_from(HEADERS), max_size=6)
) | st.sampled_from(BROKEN_HEADS)
BODY = st.sampled_from(BODIES) | st.binary(max_size=64)
ENDINGS = st.sampled_from(("close",) * 18 + ("reset",) * 6 + ("hold",))
PIECES = st.builds(_cut, st.tuples(HEADS, BODY), st.none() | st.none() | st.integers(0, 400))
ANSWERS = st.builds(Answer, PIECES, ENDINGS)
