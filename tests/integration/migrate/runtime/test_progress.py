"""What a person at a terminal sees."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

from tests.support.migrate import COMMAND, DONE, FAILED, LATE, own_names, shipped_scripts
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment


def shown_by_up(columns: int, **environment: str) -> tuple[int, str]:
    """Run ``up`` on a terminal so many columns wide; return its exit code and all that the terminal got."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([COMMAND, "up"], env=clean_environment(**environment, TERM="xterm"), stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        shown += chunk
        if not chunk:
            break
    os.close(leader)
    return process.wait(timeout=60), shown.decode()


def bars(text: str) -> list[str]:
    """Return each bar that was drawn, up to where its line ends."""
    return [part.splitlines()[0] for part in text.split("\r\x1b[K")[1:]]


def test_a_terminal_gets_a_bar(server: PostgresServer, late: str) -> None:
    """One line fills up and never wraps, however narrow the terminal; no line a migration; a total at the end."""
    code, text = shown_by_up(60, DATABASE_URL=server.url(late))
    assert code == DONE
    total = len(shipped_scripts()) - LATE + len(own_names())
    assert f"█ {total}/{total}" in text
    assert len(bars(text)) == total
    assert max(map(len, bars(text))) == 59
    assert text.count("\n") - text.count("built an index") == 2, text
    assert f"applied={total}" in text.replace("\x1b[0m", "").replace("\x1b[36m", "").replace("\x1b[35m", "")
    assert '"event"' not in text


def test_a_failure_does_not_overwrite_the_bar(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """The bar of a run that ends early stays as it is, and what went wrong stands below it."""
    folder = tmp_path / "migrations" / "20990101000000_broken"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text("SELECT 1 / 0")
    code, text = shown_by_up(200, DATABASE_URL=server.url(late), LITELLM_MIGRATION_DIR=str(tmp_path))
    assert code == FAILED
    applied = len(shipped_scripts()) - LATE
    assert bars(text)[-1].endswith(f" {applied}/{applied + 1 + len(own_names())} {shipped_scripts()[-1].name}")
    assert "division by zero" in text.rpartition("\x1b[K")[2].splitlines()[-1]
