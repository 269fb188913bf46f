import os
import signal
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support.asking import Asking
from tests.support.gateway import CHAT, Gateway, config_with
from tests.support.gateway_with_database import CONNECTIONS, WithDatabase, with_database
from tests.support.waiting import wait_for

REFUSED = "model_list:\n  - {model_name: demo, litellm_params: {model: nosuchprovider/x}}\n"


@pytest.mark.timeout(600)
def test_no_query_engine_outlives_a_worker_that_is_replaced_or_refused(tmp_path: Path) -> None:
    """After 50 reloads and 10 refusals there are the query engines and backends of the workers that serve."""
    with with_database(tmp_path, ROUTEIQ_WORKERS="1") as started:
        running = started.gateway
        key = started.key()
        for number in range(50):
            running.wait_serving(running.volume.put(config_with(f"answer {number}")))
        for _ in range(10):
            running.wait_refused(running.volume.put(REFUSED))
        wait_settled(started, 1)
        assert running.post("/v1/chat/completions", CHAT, key=key).status_code == httpx.codes.OK
        running.process.process.send_signal(signal.SIGTERM)
        assert running.process.wait_for_exit(seconds=60) == 0
        wait_for("every engine to end", lambda: started.engines() == 0)


@pytest.mark.timeout(600)
def test_no_query_engine_outlives_a_worker_that_is_killed(tmp_path: Path) -> None:
    """After 20 kills of workers there are the query engines and backends of the workers that serve."""
    with with_database(tmp_path, ROUTEIQ_WORKERS="10") as started:
        running = started.gateway
        for _ in range(2):
            victims = running.workers()
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            wait_for("every worker to be replaced", partial(replaced, running, victims), seconds=150)
        wait_settled(started, 10)


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


def wait_settled(started: WithDatabase, workers: int) -> None:
    """Wait until the engines and connections are those of so many workers."""
    wait_for("the drained workers to end", lambda: not started.gateway.workers("draining"), seconds=60)
    wait_for("an engine a worker", lambda: started.engines() == workers)
    wait_for("no more backends than their own", lambda: started.backends() <= workers * CONNECTIONS, seconds=60)


def replaced(running: Gateway, victims: list[int]) -> bool:
    """Whether as many workers as the victims serve, and none of them."""
    return len(running.workers()) == len(victims) and not set(victims) & set(running.workers())
