from pathlib import Path

from tests.support.gateway import config_with, gateway
from tests.support.waiting import wait_for

EXECUTOR = """
import asyncio
from pathlib import Path

from litellm.integrations.custom_logger import CustomLogger


class Handler(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        asyncio.get_running_loop().run_in_executor(None, Path("executor-ran").touch)


handler = Handler()
"""

STDOUT = """
import logging
import subprocess
import sys

from litellm.integrations.custom_logger import CustomLogger

log = logging.getLogger("audit")
log.setLevel(logging.INFO)
log.propagate = False
log.addHandler(logging.StreamHandler(sys.stdout))
log.info("audit begins")
subprocess.run(["echo", "a program writes"], stdout=sys.stdout, check=True)
outlives = subprocess.Popen(["sh", "-c", "while read -r line; do echo $line; done"], stdin=-1, stdout=sys.stdout)


class Handler(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        log.info("audit of a request")
        outlives.stdin.write(b"a long program writes\\n")
        outlives.stdin.flush()


handler = Handler()
"""
CALLBACKS = "litellm_settings:\n  callbacks: own.handler\n"
REQUESTS = 20


def test_work_that_a_callback_hands_to_the_executor_runs_though_nobody_awaits_it(tmp_path: Path) -> None:
    """A success callback starts executor work and goes on: the work is done."""
    with gateway(tmp_path, ROUTEIQ_WORKERS="1") as started:
        started.volume.put(config_with("x", extra=CALLBACKS), own__py=EXECUTOR)
        started.wait_ready()
        started.chat()
        wait_for("the executor's work", (tmp_path / "executor-ran").exists)


def test_what_binds_stdout_while_litellm_starts_keeps_every_line(tmp_path: Path) -> None:
    """A logger bound to stdout at import, and programs given stdout, lose no line: during the start and after it."""
    with gateway(tmp_path, ROUTEIQ_WORKERS="1") as started:
        started.volume.put(config_with("x", extra=CALLBACKS), own__py=STDOUT)
        started.wait_ready()
        for _ in range(REQUESTS):
            started.chat()
        log = tmp_path / "gateway.log"

        def count(line: str) -> int:
            return log.read_text().splitlines().count(line)

        wait_for("the logger's lines", lambda: count("audit of a request") == REQUESTS)
        wait_for("the long program's lines", lambda: count("a long program writes") == REQUESTS)
        assert (count("audit begins"), count("a program writes")) == (1, 1)
        assert "LiteLLM: Proxy initialized" not in log.read_text()
