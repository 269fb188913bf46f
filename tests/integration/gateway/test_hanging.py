"""Workers whose event loop does not turn."""

import contextlib
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.gateway import CHAT, Gateway, alive, config_with, gateway
from tests.support.waiting import wait_for

LIMIT = 5
CALLBACKS = "litellm_settings:\n  callbacks: own.handler\n"
BLOCKS = """
import time

from litellm.integrations.custom_logger import CustomLogger

time.sleep({start})


class Handler(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        if "block" in data["messages"][0]["content"][:5]:
            time.sleep({request})


handler = Handler()
"""
BLOCK: dict[str, Any] = CHAT | {"messages": [{"role": "user", "content": "block"}]}


def hangs(started: Gateway) -> list[dict[str, Any]]:
    """Return the lines of the log about workers that hang."""
    lines = (line for line in started.process.text().splitlines() if '"a worker hangs"' in line)
    return [json.loads(line) for line in lines]


@contextlib.contextmanager
def blocked(started: Gateway) -> Iterator[None]:
    """Have a callback block one worker meanwhile."""

    def block() -> None:
        with contextlib.suppress(httpx.TransportError):
            started.post("/v1/chat/completions", BLOCK)

    thread = threading.Thread(target=block)
    thread.start()
    yield
    thread.join()


def wait_replaced(started: Gateway, before: list[int]) -> None:
    """Wait until one worker of ``before`` has ended, and the others serve with a new one."""
    wait_for("the worker that hangs to end", lambda: sum(alive([pid]) for pid in before) == len(before) - 1, seconds=60)
    wait_for(
        "a full set of workers",
        lambda: len(set(started.workers()) - set(before)) == 1 and len(started.workers()) == len(before),
        seconds=60,
    )


def test_a_loop_that_a_callback_blocks_is_replaced(tmp_path: Path) -> None:
    """One worker of two is blocked for good: the other answers, a new one comes up, and the log names the line."""
    with gateway(tmp_path, ROUTEIQ_WORKER_HANG_SECONDS=str(LIMIT)) as started:
        started.volume.put(config_with("x", extra=CALLBACKS), own__py=BLOCKS.format(start=0, request=1000))
        started.wait_ready()
        before = started.workers()
        with blocked(started):
            wait_replaced(started, before)
        [told] = hangs(started)
        assert told["worker"] in before
        assert told["limit"] == "ROUTEIQ_WORKER_HANG_SECONDS"
        assert 'own.py", line' in told["stack"]
        assert "in async_pre_call_hook" in told["stack"]
        assert started.chat() == "x"


def test_the_only_worker_stopped_is_replaced(tmp_path: Path) -> None:
    """SIGSTOP of the only worker: clients wait, and are answered by the new one."""
    with gateway(tmp_path, ROUTEIQ_WORKERS="1", ROUTEIQ_WORKER_HANG_SECONDS=str(LIMIT)) as started:
        started.volume.put(config_with("x"))
        started.wait_ready()
        before = started.workers()
        os.kill(before[0], signal.SIGSTOP)
        wait_replaced(started, before)
        [told] = hangs(started)
        assert told["stack"] == "none: the process takes no signal, its state is T (stopped)"
        assert started.chat() == "x"


def test_a_worker_that_is_stopped_and_drains_is_killed(tmp_path: Path) -> None:
    """A reload while a worker is stopped: it does not stay for the drain limit of ten minutes."""
    with gateway(tmp_path, ROUTEIQ_WORKER_HANG_SECONDS=str(LIMIT)) as started:
        started.volume.put(config_with("one"))
        started.wait_ready()
        before = started.workers()
        os.kill(before[0], signal.SIGSTOP)
        started.wait_serving(started.volume.put(config_with("two")))
        wait_for("both old workers to end", lambda: not alive(before), seconds=60)
        assert started.chat() == "two"


@pytest.mark.parametrize("limit", [str(LIMIT), "0"])
def test_a_loop_that_is_busy_is_left_alone(tmp_path: Path, limit: str) -> None:
    """A start longer than the limit, a request of 20 MB, a loop blocked for less: no worker is replaced.

    With a limit of 0 nothing is, however long it is blocked.
    """
    seconds = LIMIT - 2 if limit != "0" else LIMIT + 4
    with gateway(tmp_path, ROUTEIQ_WORKERS="1", ROUTEIQ_WORKER_HANG_SECONDS=limit) as started:
        started.volume.put(config_with("x", extra=CALLBACKS), own__py=BLOCKS.format(start=LIMIT + 2, request=seconds))
        started.wait_ready()
        before = started.workers()
        began = time.monotonic()
        assert started.post("/v1/chat/completions", BLOCK).status_code == httpx.codes.OK
        assert time.monotonic() - began >= seconds
        large = CHAT | {"messages": [{"role": "user", "content": "x" * 20_000_000}]}
        assert started.post("/v1/chat/completions", large).status_code == httpx.codes.OK
        assert started.workers() == before
        assert not hangs(started)


@pytest.mark.timeout(200)
def test_life_ends_for_probes_when_the_parent_hangs(tmp_path: Path) -> None:
    """The workers answer that their parent is stopped, go on serving, and find it alive once it goes on."""
    with gateway(tmp_path) as started:
        started.volume.put(config_with("x"))
        started.wait_ready()
        assert started.get("/health/live").status_code == httpx.codes.OK
        os.kill(started.process.pid, signal.SIGSTOP)
        wait_for("life to end", lambda: started.get("/health/live").status_code == 503, seconds=90, every=1)
        assert "the gateway's parent hangs" in started.get("/health/live").text
        assert started.chat() == "x"
        os.kill(started.process.pid, signal.SIGCONT)
        wait_for("life to go on", lambda: started.get("/health/live").status_code == httpx.codes.OK)
        assert (
            resource.prlimit(started.workers()[0], resource.RLIMIT_NOFILE)[0]
            == (resource.prlimit(started.process.pid, resource.RLIMIT_NOFILE)[1])
        )
