import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support import litellm_database as database
from tests.support.asking import Asking
from tests.support.gateway import CHAT, Gateway, config_with, gateway
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.waiting import wait_for

REFUSED = "model_list:\n  - {model_name: demo, litellm_params: {model: nosuchprovider/x}}\n"


@dataclass
class WithDatabase:
    """A gateway whose LiteLLM works on a database of its own."""

    gateway: Gateway
    server: PostgresServer
    url: str

    def key(self) -> str:
        """Make a virtual key."""
        response = self.gateway.post("/key/generate", {"models": ["demo"]})
        response.raise_for_status()
        return str(response.json()["key"])

    def backends(self) -> int:
        """How many connections there are to the database."""
        return int(self.server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'litellm'")[0])

    def engines(self) -> int:
        """How many query engines run."""
        return len(database.engines(self.url))


@pytest.fixture
def started(tmp_path: Path) -> Iterator[WithDatabase]:
    """A gateway with two workers, ready on a first revision."""
    with running_postgres() as server:
        url = server.create_database("litellm")
        database.migrate(url)
        with gateway(tmp_path, port=None, scripts=database.SCRIPTS, **database.database_settings(url)) as running:
            running.volume.put(config_with("answer 0"))
            running.wait_ready()
            yield WithDatabase(running, server, url)


@pytest.mark.timeout(300)
def test_every_query_engine_ends_with_its_worker(started: WithDatabase) -> None:
    """After kills, refusals and reloads there are as many query engines as workers, and as many backends as before."""
    running = started.gateway
    key = started.key()
    assert running.post("/v1/chat/completions", CHAT, key=key).status_code == httpx.codes.OK
    wait_for("an engine a worker", lambda: started.engines() == 2)
    backends = started.backends()
    for _ in range(4):
        victim = running.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for("the worker to be replaced", partial(_replaced, running, victim))
    for _ in range(3):
        running.wait_refused(running.volume.put(REFUSED))
    for number in range(3):
        running.wait_serving(running.volume.put(config_with(f"answer {number + 1}")))
    wait_for("the drained workers to end", lambda: not running.workers("draining"), seconds=60)
    wait_for("an engine a worker", lambda: started.engines() == 2)
    wait_for("the backends to be as many as before", lambda: started.backends() <= backends + 2, seconds=60)
    assert running.post("/v1/chat/completions", CHAT, key=key).status_code == httpx.codes.OK
    running.process.process.send_signal(signal.SIGTERM)
    assert running.process.wait_for_exit(seconds=60) == 0
    wait_for("every engine to end", lambda: started.engines() == 0)


@pytest.mark.timeout(300)
def test_every_request_is_billed_once_over_reloads_and_a_stop(started: WithDatabase) -> None:
    """The rows of spend equal the requests that were answered, over reloads under load and over a stop."""
    running = started.gateway
    key = started.key()
    with Asking(running, 4, key=key) as asking:
        for number in range(1, 4):
            running.wait_serving(running.volume.put(config_with(f"answer {number}")))
            asking.more(20)
    assert not asking.failures
    running.process.process.send_signal(signal.SIGTERM)
    assert running.process.wait_for_exit(seconds=90) == 0
    rows = started.server.sql(
        "SELECT count(*) FROM \"LiteLLM_SpendLogs\" WHERE call_type = 'acompletion'", database="litellm"
    )
    assert int(rows[0]) == len(asking.answers)


def _replaced(running: Gateway, victim: int) -> bool:
    return len(running.workers()) == 2 and victim not in running.workers()
