"""What no PostgreSQL should say and some do, for Hypothesis to choose from; every text of an error holds a secret."""

import struct

from hypothesis import strategies as st

from tests.support.hostile_postgres import Break, message, notification, told

SECRET = "not-to-be-told"
# One state of each class (PostgreSQL manual, appendix A), states of poolers and of nobody.
STATES = (
    *("00000", "01000", "02000", "03000", "08000", "08003", "08006", "08P01", "09000", "0A000", "0B000", "0F000"),
    *("0L000", "0P000", "0Z000", "20000", "21000", "22000", "22021", "23000", "23505", "24000", "25000", "25006"),
    *("25P02", "25P03", "26000", "27000", "28000", "28P01", "2B000", "2D000", "2F000", "34000", "38000", "39000"),
    *("3B000", "3D000", "3F000", "40001", "40P01", "42501", "42601", "42703", "42883", "42P01", "42P10", "44000"),
    *("53000", "53100", "53200", "53300", "54000", "55000", "55P03", "57000", "57014", "57P01", "57P02", "57P03"),
    *("57P05", "58000", "58030", "F0000", "HV000", "P0001", "XX000", "XX001", "ZZ999", "", "é", "many"),
)
SEVERITIES = ("ERROR", "ERROR", "FATAL", "PANIC", "WARNING", "", "ERREUR")
TYPES = (16, 17, 20, 23, 25, 114, 701, 1007, 1184, 1700, 2249, 2278, 2950, 3802, 0, 99999)
LENGTHS = (-1, 0, 3, 4, 5, 8, 2**20, 2**31 - 1, -(2**31))
GARBAGE = (
    b"",
    b"\0",
    b"\0" * 300,
    b"\xff" * 300,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"SSH-2.0-x\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"N" * 40,
    b"S",
)
MESSAGES = (
    message(b"R", struct.pack("!i", 0)),
    message(b"R", struct.pack("!i", 2)),
    message(b"R", struct.pack("!i", 3)),
    message(b"R", struct.pack("!i", 5) + b"salt"),
    message(b"R", struct.pack("!i", 7)),
    message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256-PLUS\0\0"),
    message(b"R", struct.pack("!i", 10) + b"OTHER\0\0"),
    message(b"R", struct.pack("!i", 11) + b"r=x,s=x,i=1"),
    message(b"R", struct.pack("!i", 11) + b"r=,s=!,i=many"),
    message(b"R", struct.pack("!i", 12) + b"v=AAAA"),
    message(b"R", struct.pack("!i", 4711)),
    message(b"R"),
    message(b"K", struct.pack("!ii", 1, 2)),
    message(b"K"),
    message(b"S", b"client_encoding\0LATIN1\0"),
    message(b"S", b"server_version\0many\0"),
    message(b"S", b"server_version\x009.9\0"),
    message(b"S", b"\0"),
    message(b"S", b"standard_conforming_strings\0\xff\0"),
    message(b"Z", b"I"),
    message(b"Z", b"T"),
    message(b"Z", b"E"),
    message(b"Z", b"?"),
    message(b"Z"),
    message(b"1"),
    message(b"2"),
    message(b"3"),
    message(b"C", b"SELECT 1\0"),
    message(b"C", b"SELECT"),
    message(b"D", struct.pack("!h", 0)),
    message(b"D", struct.pack("!h", -1)),
    message(b"D", struct.pack("!hi", 1, -1)),
    message(b"D", struct.pack("!hi", 1, 2**31 - 1)),
    message(b"D", struct.pack("!hi", 300, 0)),
    message(b"E"),
    message(b"E", b"\0"),
    message(b"E", b"M"),
    message(b"G", b"\0\0\0"),
    message(b"H", b"\0\0\0"),
    message(b"I"),
    message(b"n"),
    message(b"s"),
    message(b"T", struct.pack("!h", 0)),
    message(b"T", struct.pack("!h", 9) + b"one\0"),
    message(b"t", struct.pack("!h", 0)),
    message(b"v", struct.pack("!ii", 0, 1) + b"x\0"),
    message(b"V", struct.pack("!i", 4)),
    message(b"d", b"x"),
    message(b"c"),
    message(b"W", b"\0\0\0"),
    message(b"~", b"what"),
    notification("c", "x" * 7000),
    notification("c", "published " + "9" * 6000),
    notification("c", "released"),
    message(b"A", b"\0"),
)
FLOODS = (
    told(b"N", "NOTICE", "00000", SECRET) * 3000,
    notification("c", "published 9") * 3000,
    message(b"S", b"application_name\0x\0") * 3000,
    message(b"Z", b"I") * 300,
)


def rewritten(whole: bytes, *, columns: int | None, value: bytes | None, kind: int) -> bytes:
    """Return a row with other columns, a description of rows with another type; any other message as it is."""
    if whole[:1] == b"D":
        count = struct.unpack("!h", whole[5:7])[0] if columns is None else columns
        length = -1 if value is None else len(value)
        return message(b"D", struct.pack("!h", count) + (struct.pack("!i", length) + (value or b"")) * count)
    if whole[:1] == b"T":
        body, at = bytearray(whole[5:]), 2
        for _ in range(struct.unpack("!h", whole[5:7])[0]):
            at = body.index(0, at) + 1
            body[at + 6 : at + 10] = struct.pack("!i", kind)
            at += 18
        return message(b"T", bytes(body))
    return whole


def damaged(whole: bytes, at: int, value: int) -> bytes:
    """Return the message with one byte of its body changed."""
    body = bytearray(whole)
    if len(body) > 5:
        body[5 + at % (len(body) - 5)] ^= value
    return bytes(body)


SENT = st.sampled_from(GARBAGE + MESSAGES + FLOODS)
ERRORS = st.builds(
    lambda severity, state: told(b"E", severity, state, f'password "{SECRET}"'),
    st.sampled_from(SEVERITIES),
    st.sampled_from(STATES),
)
VALUES = st.none() | st.sampled_from(
    (b"", b"\x01", b"\0\0\0\x07", b"\x7f" + b"\xff" * 7, b"\xff" * 8, b"{}", b"\xff\xfe")
)
REWRITTEN = st.builds(
    lambda columns, value, kind: lambda whole: rewritten(whole, columns=columns, value=value, kind=kind),
    st.none() | st.sampled_from((0, 1, 2, 40)),
    VALUES,
    st.sampled_from(TYPES),
)
CHANGES = st.one_of(
    SENT.map(lambda sent: lambda _whole: sent),
    SENT.map(lambda sent: lambda whole: sent + whole),
    SENT.map(lambda sent: lambda whole: whole + sent),
    ERRORS.map(lambda sent: lambda _whole: sent),
    ERRORS.map(lambda sent: lambda _whole: sent + message(b"Z", b"I")),
    ERRORS.map(lambda sent: lambda whole: sent + whole),
    st.sampled_from(LENGTHS).map(lambda length: lambda whole: whole[:1] + struct.pack("!i", length) + whole[5:]),
    st.integers(0, 12).map(lambda count: lambda whole: whole[:count]),
    st.sampled_from((0, 2)).map(lambda count: lambda whole: whole * count),
    st.builds(lambda at, value: lambda whole: damaged(whole, at, value), st.integers(0, 200), st.integers(1, 255)),
    REWRITTEN,
    REWRITTEN,
)
ENDINGS = st.sampled_from(("on",) * 14 + ("close",) * 6 + ("reset",) * 4 + ("half",) + ("hold",))


def breaks(most: int) -> st.SearchStrategy[Break]:
    """Breaks at one of the first ``most`` messages of a connection."""
    return st.builds(Break, st.integers(0, most), CHANGES, ENDINGS)
