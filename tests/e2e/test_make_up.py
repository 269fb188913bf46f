import os
import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.processes import REPOSITORY, clean_environment, free_port, listening, running
from tests.support.waiting import wait_for


@pytest.mark.timeout(400)
def test_make_up_from_a_clean_clone(tmp_path: Path) -> None:
    """`make up` in a clean clone: ready, the printed curl works as pasted, a change is taken, Ctrl-C stops all."""
    clone = tmp_path / "clone"
    copy_tree(clone)
    port = free_port()
    uv = shutil.which("uv") or str(REPOSITORY / ".uv/bin/uv")
    environment = clean_environment(PORT=str(port), CONFIG_SYNC_INTERVAL="1")
    environment["PATH"] = f"{Path(uv).parent}:{environment['PATH'].split(':', 1)[1]}"
    with running(["make", "up"], output=tmp_path / "up.log", environment=environment, cwd=clone) as up:
        base = f"http://127.0.0.1:{port}"
        wait_for("readiness", lambda: ready(base), seconds=240)
        curl = "\n".join(re.findall(r"^  (?:curl|  -).*$", up.text(), re.MULTILINE))
        pasted = subprocess.run(["sh", "-c", curl], check=True, capture_output=True, text=True, cwd="/")
        assert "Hello from RouteIQ Gateway." in pasted.stdout
        status = httpx.get(f"{base}/llmrouter/config/sync/status").json()
        assert status["enabled"] is True
        assert status["running"] is True
        assert status["leader_election"]["holder_id"]
        key_file = clone / ".env"
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        assert key_file.read_text().split("=")[1].strip() not in up.text()

        config = clone / "config.yaml"
        config.write_text(config.read_text().replace("Hello from RouteIQ Gateway.", "Changed while running."))
        wait_for("the change", lambda: "Changed while running." in ask(curl), seconds=30)

        up.process.send_signal(signal.SIGINT)  # make passes nothing on: a terminal signals the whole group
        for child in group_of(up.pid):
            child.send_signal(signal.SIGINT)
        up.wait_for_exit(seconds=60)
        wait_for("the port to be free", lambda: not listening(port))
        assert "stopped: gateway (exit status 0)" in up.text()
        assert "stopped: syncd (exit status 0)" in up.text()


def copy_tree(clone: Path) -> None:
    """Copy what git tracks, as it stands now: a clean clone that holds the change under test."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, clone / name)


def ready(base: str) -> bool:
    """Whether the gateway says that it is ready."""
    try:
        return httpx.get(f"{base}/health/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def ask(curl: str) -> str:
    """Run the printed command again."""
    return subprocess.run(["sh", "-c", curl], check=True, capture_output=True, text=True, cwd="/").stdout


def group_of(pid: int) -> list[psutil.Process]:
    """Return the other processes of a foreground group, which a terminal's Ctrl-C reaches too."""
    group = os.getpgid(pid)
    return [child for child in psutil.Process(pid).children(recursive=True) if os.getpgid(child.pid) == group]
