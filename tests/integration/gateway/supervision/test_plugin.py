"""supervisord with the plug-in, and small programs in the place of ours."""

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import SCRIPTS, Running, clean_environment, running
from tests.support.silent_disk import silent_disk
from tests.support.waiting import wait_for

CONFIGURATION = """
[supervisord]
nodaemon=true
silent=true
logfile=/dev/null
logfile_maxbytes=0
pidfile={folder}/volume/supervisord.pid
[unix_http_server]
file={folder}/volume/supervisor.sock
[rpcinterface:routeiq]
supervisor.rpcinterface_factory=routeiq_gateway.supervision.plugin:make
volume={folder}/volume
[program:gateway]
command={python} {folder}/gateway.py
startsecs=1
startretries=1000
autorestart=true
stdout_logfile=NONE
stderr_logfile=NONE
[program:syncd]
command={python} {folder}/syncd.py
startsecs=1
startretries=1000
autorestart=true
stdout_logfile=NONE
stderr_logfile=NONE
"""
WORKS = """
import sys, time
from pathlib import Path
print("a line of", Path(sys.argv[0]).stem, flush=True)
while True:
    time.sleep(60)
"""
HANGS = """
import os, socket, time
print("once more", flush=True)
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
    end.sendto(b"WATCHDOG=1\\nWATCHDOG_USEC=1000000", os.environ["NOTIFY_SOCKET"].replace("@", "\\0"))
while True:
    time.sleep(60)
"""


@contextlib.contextmanager
def supervised(folder: Path, **programs: str) -> Iterator[Running]:
    """Run supervisord on the texts of two programs, which work where none is given."""
    (folder / "volume").mkdir()
    for name in ("gateway", "syncd"):
        (folder / f"{name}.py").write_text(programs.get(name, WORKS))
    configuration = folder / "supervisord.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, python=sys.executable))
    command = [str(SCRIPTS / "supervisord"), "-c", str(configuration)]
    environment = clean_environment(LOG_FORMAT="json")
    with running(command, output=folder / "log", environment=environment, cwd=folder) as supervisord:
        yield supervisord


def events(supervisord: Running, event: str) -> list[dict[str, Any]]:
    """Return the lines of supervisord's own log with this event."""
    lines = (json.loads(line) for line in supervisord.text().splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == event]


def pauses(supervisord: Running, program: str) -> list[float]:
    """Return the pauses before each new start of a program."""
    return [line["pause"] for line in events(supervisord, "a program is started again") if line["program"] == program]


def test_syncd_that_dies_again_and_again_ends_nothing(tmp_path: Path) -> None:
    """It has been up once, and then cannot work: it is started after growing pauses, and the gateway lives."""
    mark = tmp_path / "up"
    dies = (
        f"import sys, time, pathlib; mark = pathlib.Path({str(mark)!r})\n"
        "time.sleep(0 if mark.exists() else 4); mark.touch(); sys.exit(4)"
    )
    with supervised(tmp_path, syncd=dies) as supervisord:
        wait_for("five starts", lambda: 8.0 in pauses(supervisord, "syncd"), seconds=60)
        assert set(pauses(supervisord, "syncd")) >= {1.0, 2.0, 4.0, 8.0}
        assert supervisord.process.poll() is None
        assert supervisord.text().count("a line of gateway") == 1


@pytest.mark.parametrize(("program", "code"), [("syncd", 2), ("syncd", 5), ("gateway", 4), ("gateway", 1)])
def test_a_program_that_cannot_work_ends_all(tmp_path: Path, program: str, code: int) -> None:
    """It has never been up, and says so four times: status 70, and the log says why."""
    with supervised(tmp_path, **{program: f"import sys; sys.exit({code})"}) as supervisord:
        assert supervisord.wait_for_exit(seconds=60) == 70
        [told] = events(supervisord, "a program cannot work")
        assert told["program"] == program
        assert "4 times in a row" in told["reason"]
        assert f"{program} is FATAL" in supervisord.text()


def test_a_program_that_hangs_is_killed_and_in_the_end_ends_all(tmp_path: Path) -> None:
    """Silent for longer than it said: killed and started again, with pauses; the fifth time is the last."""
    with supervised(tmp_path, gateway=HANGS) as supervisord:
        assert supervisord.wait_for_exit(seconds=150) == 70
        assert len(events(supervisord, "a program hangs, and is killed")) == 5
        assert supervisord.text().count("once more") == 5
        assert pauses(supervisord, "gateway") == [1.0, 2.0, 4.0]
        [told] = events(supervisord, "a program cannot work")
        assert told["reason"] == "it hung 5 times within 10 minutes"


def test_every_line_of_supervisords_own_is_json(tmp_path: Path) -> None:
    """From the first line to the last, where the programs' lines are."""
    with supervised(tmp_path) as supervisord:
        supervisord.wait_for_text("a line of gateway")
        supervisord.wait_for_text("a line of syncd")
        supervisord.process.send_signal(signal.SIGTERM)
        assert supervisord.wait_for_exit() == 0
        others = {line for line in supervisord.text().splitlines() if not line.startswith("{")}
        assert others == {"a line of gateway", "a line of syncd"}
        assert {line["process"] for line in map(json.loads, set(supervisord.text().splitlines()) - others)} == {
            "supervisord"
        }


def test_supervisord_ends_though_the_volume_hangs(tmp_path: Path) -> None:
    """It has files to remove there, and workers to look for; it ends all the same, with a status that tells."""
    with supervised(tmp_path) as supervisord:
        supervisord.wait_for_text("a line of gateway")
        with silent_disk(tmp_path / "volume"):
            supervisord.process.send_signal(signal.SIGTERM)
            assert supervisord.wait_for_exit(seconds=60) == 70


@pytest.mark.timeout(200)
def test_a_volume_that_hangs_ends_all_in_time(tmp_path: Path) -> None:
    """No program is killed for it, though one hangs too; within 90 s the status is 70, and the log says why."""
    with supervised(tmp_path, syncd=HANGS) as supervisord:
        supervisord.wait_for_text("a line of gateway")
        with silent_disk(tmp_path / "volume"):
            began = time.monotonic()
            supervisord.wait_for_text("the volume does not answer")
            killed = len(events(supervisord, "a program hangs, and is killed"))
            assert supervisord.wait_for_exit(seconds=90) == 70
            assert time.monotonic() - began < 90
        [told] = events(supervisord, "the volume hangs: stopping everything")
        assert told["exit_status"] == 70
        assert len(events(supervisord, "a program hangs, and is killed")) == killed


@pytest.mark.timeout(200)
def test_a_volume_that_answers_again_ends_nothing(tmp_path: Path) -> None:
    """It was silent for longer than a doubt takes; both is told."""
    with supervised(tmp_path) as supervisord:
        supervisord.wait_for_text("a line of gateway")
        with silent_disk(tmp_path / "volume"):
            supervisord.wait_for_text("the volume does not answer", seconds=60)
        supervisord.wait_for_text("the volume answers again")
        assert supervisord.process.poll() is None
        assert supervisord.text().count("a line of gateway") == 1
