import os
import signal
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support.asking import Asking
from tests.support.gateway import CHAT, Gateway, config_with
from tests.support.gateway_with_database import with_database
from tests.support.waiting import wait_for

REFUSED = "model_list:\n  - {model_name: demo, litellm_params: {model: nosuchprovider/x}}\n"


@pytest.mark.timeout(900)
def test_every_query_engine_ends_with_its_worker(tmp_path: Path) -> None:
    """After 50 reloads, 20 kills and 10 refusals there are as many query engines and backends as at the start."""
    with with_database(tmp_path, ROUTEIQ_WORKERS="1") as started:
        running = started.gateway
        key = started.key()
        assert running.post("/v1/chat/completions", CHAT, key=key).status_code == httpx.codes.OK
        wait_for("an engine a worker", lambda: started.engines() == 1)
        backends = started.backends()
        for number in range(50):
            running.wait_serving(running.volume.put(config_with(f"answer {number}")))
        for _ in range(10):
            running.wait_refused(running.volume.put(REFUSED))
        for _ in range(20):
            victim = running.workers()[0]
            os.kill(victim, signal.SIGKILL)
            wait_for("the worker to be replaced", partial(_replaced, running, victim), seconds=60)
        wait_for("the drained workers to end", lambda: not running.workers("draining"), seconds=60)
        wait_for("an engine a worker", lambda: started.engines() == 1)
        wait_for("the backends to be as many as before", lambda: started.backends() <= backends + 1, seconds=60)
        assert running.post("/v1/chat/completions", CHAT, key=key).status_code == httpx.codes.OK
        running.process.process.send_signal(signal.SIGTERM)
        assert running.process.wait_for_exit(seconds=60) == 0
        wait_for("every engine to end", lambda: started.engines() == 0)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("order", [("parent", "workers"), ("workers", "parent")])
def test_no_query_engine_outlives_a_gateway_that_is_killed_whole(tmp_path: Path, order: tuple[str, str]) -> None:
    """Killed in either order, parent and workers leave no query engine."""
    with with_database(tmp_path) as started:
        running = started.gateway
        wait_for("an engine a worker", lambda: started.engines() == 2)
        victims = {"parent": [running.process.process.pid], "workers": running.workers()}
        if order[0] == "workers":
            os.kill(running.process.process.pid, signal.SIGSTOP)  # so that it cannot do anything about them
        for kind in order:
            for pid in victims[kind]:
                os.kill(pid, signal.SIGKILL)
        wait_for("every engine to end", lambda: started.engines() == 0)


@pytest.mark.timeout(300)
def test_every_request_is_billed_once_over_reloads_recycling_and_a_stop(tmp_path: Path) -> None:
    """The rows of spend equal the requests that were answered, over reloads and replacements under load, and a stop."""
    with with_database(tmp_path, ROUTEIQ_WORKER_MAX_REQUESTS="40") as started:
        running = started.gateway
        key = started.key()
        with Asking(running, 4, key=key) as asking:
            for number in range(1, 4):
                running.wait_serving(running.volume.put(config_with(f"answer {number}")))
                asking.more(100)
        assert not asking.failures
        assert "replacing a worker" in running.process.text()
        running.process.process.send_signal(signal.SIGTERM)
        assert running.process.wait_for_exit(seconds=90) == 0
        assert started.billed() == len(asking.answers)


@pytest.mark.timeout(300)
def test_periodic_jobs_run_where_no_worker_lives_as_long_as_their_interval(tmp_path: Path) -> None:
    """A budget is reset though LiteLLM looks every 20 s for one to reset, and each worker is replaced after less."""
    config = config_with(
        "pong",
        extra="general_settings: {proxy_budget_rescheduler_min_time: 20, proxy_budget_rescheduler_max_time: 20}\n",
    )
    with with_database(tmp_path, config=config) as started:
        made = started.gateway.post("/key/generate", {"max_budget": 1, "budget_duration": "1s"})
        made.raise_for_status()
        due = started.budget_resets()

        def reloaded() -> bool:
            started.gateway.wait_serving(started.gateway.volume.put(config))
            return started.budget_resets() != due

        wait_for("the budget to be reset", reloaded, seconds=90)


def _replaced(running: Gateway, victim: int) -> bool:
    return len(running.workers()) == 1 and victim not in running.workers()
