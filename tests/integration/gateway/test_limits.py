"""Limits of the system are met: what is served goes on, the change waits with its reason, and is served with room."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.asking import Asking
from tests.support.gateway import Gateway, config_with, gateway
from tests.support.small_disk import small_disk
from tests.support.waiting import wait_for


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill a disk to its last byte, and make room again."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    try:
        yield
    finally:
        filling.unlink()


def note(started: Gateway) -> str:
    """Return what the status says that the gateway waits for."""
    return str(started.status()["gateway"]["note"])


def put_large(started: Gateway, answer: str) -> str:
    """Put a revision that needs room to be staged; return its digest."""
    return started.volume.put(config_with(answer) + f"# {'x' * 20000}\n")


def test_a_full_temporary_directory_puts_a_reload_off(tmp_path: Path) -> None:
    """Requests are answered meanwhile, a worker that dies is replaced, nothing is refused, and nothing is left."""
    with small_disk(tmp_path / "tmp", 2) as disk, gateway(tmp_path, TMPDIR=str(disk)) as started:
        put_large(started, "one")
        started.wait_ready()
        with Asking(started, 2, fresh=1) as clients:
            with filled(disk):
                digest = put_large(started, "two")
                wait_for("the reason", lambda: "No space left on device" in note(started))
                os.kill(started.workers()[0], signal.SIGKILL)
                wait_for("a replacement", lambda: len(started.workers()) == 2)
                clients.more(5)
                assert started.volume.answer()["refused"] is None
            started.wait_serving(digest)
            clients.wait_for_answer("two")
        assert len(clients.failures) <= 2, clients.failures  # what the killed worker was answering
        staged = [path for path in disk.glob("routeiq-gateway-*/*") if "-" in path.name]
        wait_for("one staged revision", lambda: len([path for path in staged if path.exists()]) == 1)


def test_a_start_with_a_full_temporary_directory_serves(tmp_path: Path) -> None:
    """It finds room in another directory of the system's, as every Python program does."""
    with small_disk(tmp_path / "tmp", 2) as disk, filled(disk), gateway(tmp_path, TMPDIR=str(disk)) as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        assert started.chat() == "one"


@pytest.mark.parametrize("room", [0, 3, 6, 9, 14])
def test_too_few_descriptors_put_a_reload_off(tmp_path: Path, room: int) -> None:
    """Wherever in a fork or in a worker's start they run out, serving goes on, and the revision is served later."""
    with gateway(tmp_path) as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        pid = started.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + room, unlimited[1]))
        digest = started.volume.put(config_with("two"))

        def met() -> bool:
            served = (started.volume.answer().get("serving") or {}).get("digest")
            return served == digest or "cannot be brought up now" in note(started)

        wait_for("the limit to be met", met, seconds=60)
        assert started.chat() in {"one", "two"}
        assert (started.volume.answer().get("refused") or {}).get("digest") != digest, started.volume.answer()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, unlimited)
        started.wait_serving(digest)
        assert started.chat() == "two"
