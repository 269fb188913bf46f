"""Who asks over the control socket is told whether syncd is down or silent."""

import socket
from pathlib import Path

from routeiq_syncd.control.client import Absent, ask


def test_silence_is_told_from_absence(tmp_path: Path) -> None:
    """Nobody's path, a dead process's socket, and one that is listened on and not answered."""
    path = tmp_path / "syncd.sock"
    assert ask(path) is Absent.DOWN
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert ask(path) is Absent.DOWN
        listener.listen()
        assert ask(path, seconds=0.1) is Absent.SILENT
    assert ask(path) is Absent.DOWN
