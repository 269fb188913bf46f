"""The log's way out, onto each kind of output."""

import contextlib
import os
import pty
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routeiq_gateway.supervision.outlet import MOST_WAITING, Outlet

LINE = b"x" * 999 + b"\n"
MANY = 3 * MOST_WAITING // len(LINE)


def a_pipe() -> tuple[int, int]:
    """Return a reader and a writer."""
    return os.pipe()


def a_socket() -> tuple[int, int]:
    """Return two ends of a UNIX socket, as systemd and some runtimes give them."""
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


def a_terminal() -> tuple[int, int]:
    """Return a terminal, the reader's side first."""
    return pty.openpty()


def a_pipe_that_cannot_be_opened_again() -> tuple[int, int]:
    """Return a pipe; the test has it refused a second opening, as another user's pipe is."""
    return os.pipe()


KINDS: tuple[Callable[[], tuple[int, int]], ...] = (a_pipe, a_socket, a_terminal, a_pipe_that_cannot_be_opened_again)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A reader's and a writer's end of one kind of output."""
    reader, writer = request.param()
    if request.param is a_pipe_that_cannot_be_opened_again:

        def refuse(*_: object) -> int:
            raise PermissionError

        monkeypatch.setattr(os, "open", refuse)
    yield reader, writer
    for end in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(end)


@pytest.mark.timeout(60)
def test_an_output_that_nobody_reads_holds_nobody_up(ends: tuple[int, int]) -> None:
    """Far more than fits is put in and dropped; once somebody reads, what waited comes, and the loss is told."""
    reader, writer = ends
    lost: list[int] = []
    out = Outlet(writer, lost.append)
    for _ in range(MANY):
        out.put(LINE)
    assert not lost
    assert os.get_blocking(writer), "the property is shared with whoever started the program"
    os.set_blocking(reader, False)
    read = bytearray()
    while not lost:
        out.flush()
        with contextlib.suppress(BlockingIOError):
            read += os.read(reader, 65536).replace(b"\r\n", b"\n")
    assert len(lost) == 1
    assert 0 < lost[0] < MANY
    *lines, _unfinished = bytes(read).split(b"\n")
    assert set(lines) == {LINE.strip()}


def test_a_reader_that_is_gone_holds_nobody_up(ends: tuple[int, int]) -> None:
    """Everything is dropped, and nothing waits in memory."""
    reader, writer = ends
    out = Outlet(writer, lambda _: None)
    os.close(reader)
    for _ in range(MANY):
        out.put(LINE)
    assert len(out._waiting) <= MOST_WAITING  # noqa: SLF001 - memory is not seen from outside


def test_a_file_keeps_its_place(tmp_path: Path) -> None:
    """Two outlets and the program that opened the file for both overwrite nothing of each other's."""
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as file:
        file.write(b"begins\n")
        first, second = Outlet(file.fileno(), lambda _: None), Outlet(os.dup(file.fileno()), lambda _: None)
        first.put(b"one\n")
        second.put(b"two\n")
        first.write("three\n")
    assert path.read_text() == "begins\none\ntwo\nthree\n"


def test_no_output_at_all_is_none() -> None:
    """A descriptor that is closed takes everything."""
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    Outlet(writer, lambda _: None).put(LINE)
