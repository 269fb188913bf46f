import os
import signal
from pathlib import Path

from tests.support.few_processes import COUNTED, limit_processes
from tests.support.gateway import config_with, gateway
from tests.support.waiting import wait_for


def test_a_failing_fork_ends_nothing(tmp_path: Path) -> None:
    """With no process to be had, serving goes on and the status says why; with room again, all is made good."""
    with gateway(tmp_path, through=COUNTED) as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        limit_processes(started.process.pid, "1")
        digest = started.volume.put(config_with("two"))
        wait_for("the reason", lambda: "Resource temporarily unavailable" in started.status()["gateway"]["note"])
        killed, left = started.workers()
        os.kill(killed, signal.SIGKILL)
        wait_for("the death to be noticed", lambda: started.workers() == [left])
        assert started.chat() == "one"
        assert started.volume.answer()["refused"] is None
        started.process.wait_for_text("a worker's replacement failed")
        limit_processes(started.process.pid, "1000")
        started.wait_serving(digest)
        assert started.chat() == "two"
        wait_for("both workers", lambda: len(started.workers()) == 2)
