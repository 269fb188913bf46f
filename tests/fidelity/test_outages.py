import json
import os
import signal
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from tests.support.gateway import CHAT, Gateway, config_with
from tests.support.gateway_with_database import WithDatabase, with_database
from tests.support.waiting import wait_for

TOLERANT = "general_settings: {allow_requests_on_db_unavailable: true}\n"
REFUSED = "model_list:\n  - {model_name: demo, litellm_params: {model: nosuchprovider/x}}\n"
AWAITED = "waiting for LiteLLM's database (DATABASE_URL)"


@pytest.mark.timeout(300)
def test_an_outage_refuses_no_revision(tmp_path: Path) -> None:
    """A change that meets a stopped PostgreSQL is put off, with what is awaited, and served once the server is back."""
    with with_database(tmp_path) as started:
        running = started.gateway
        before = set(running.workers())
        started.server.stop()
        digest = running.volume.put(config_with("changed"))
        wait_for("the status to say what is awaited", lambda: AWAITED in note(running), seconds=60)
        assert running.chat() == "answer 0"
        assert not running.volume.answer()["refused"]
        assert set(running.workers()) == before
        started.server.start()
        wait_for("the change to be served", partial(serves, running, digest), seconds=90)
        assert running.chat() == "changed"
        assert "revision refused" not in running.process.text()
        started.key()


@pytest.mark.timeout(300)
def test_a_silent_database_refuses_no_revision(tmp_path: Path) -> None:
    """A change that meets a PostgreSQL which accepts connections and says nothing is put off, and served afterwards.

    The limit on a start is shorter here than the time for which Prisma's client waits for its engine.
    """
    with with_database(tmp_path, ROUTEIQ_RELOAD_TIMEOUT_SECONDS="10", ROUTEIQ_WORKERS="1") as started:
        running = started.gateway
        started.proxy.flowing.clear()
        digest = running.volume.put(config_with("changed"))
        wait_for(
            "the status to say what is awaited", lambda: "(DATABASE_URL) does not answer" in note(running), seconds=60
        )
        started.proxy.flowing.set()
        wait_for("the change to be served", partial(serves, running, digest), seconds=90)
        assert "revision refused" not in running.process.text()


@pytest.mark.timeout(300)
def test_a_bad_revision_is_refused_once_the_database_is_back(tmp_path: Path) -> None:
    """What is wrong with a configuration is still found, after an outage as before."""
    with with_database(tmp_path) as started:
        started.server.stop()
        digest = started.gateway.volume.put(REFUSED)
        wait_for("the revision to be put off", lambda: AWAITED in note(started.gateway), seconds=60)
        started.server.start()
        assert "no provider of that name" in started.gateway.wait_refused(digest)


@pytest.mark.timeout(300)
def test_replacements_back_off_while_the_database_is_away(tmp_path: Path) -> None:
    """A worker killed in an outage is replaced after it; until then starts come at growing intervals."""
    with with_database(tmp_path) as started:
        running = started.gateway
        wait_for("an engine a worker", lambda: started.engines() == 2)
        started.server.stop()
        victim = running.workers()[0]
        os.kill(victim, signal.SIGKILL)
        failures = partial(events, running, "a worker's replacement failed")
        wait_for("four starts to fail", lambda: len(failures()) >= 4, seconds=150)
        assert running.chat() == "answer 0"
        starts = [line for line in events(running, "bringing up") if line["purpose"] == "replacement"]
        assert len(starts) <= len(failures()) + 1
        instants = [datetime.fromisoformat(line["timestamp"]).timestamp() for line in starts]
        delays = [after - before for before, after in pairwise(instants)]
        assert all(delay >= pause for delay, pause in zip(delays, (0.5, 1, 2, 4, 8, 16, 30), strict=False)), delays
        assert started.engines() <= 3
        started.server.start()
        wait_for("the worker to be replaced", lambda: len(running.workers()) == 2, seconds=90)
        wait_for("an engine a worker", lambda: started.engines() == 2)


@pytest.mark.timeout(300)
def test_a_start_without_the_database_serves_what_litellm_can(tmp_path: Path) -> None:
    """With `allow_requests_on_db_unavailable` the volume's revision is served; keys work once the server is back."""
    with with_database(
        tmp_path, config=config_with("answer 0", extra=TOLERANT), up=False, ROUTEIQ_WAIT_FOR_SCHEMA="true"
    ) as started:
        started.gateway.wait_ready()
        assert started.gateway.chat() == "answer 0"
        started.server.start()
        wait_for("virtual keys to work", partial(keys_work, started), seconds=120)


@pytest.mark.timeout(300)
def test_no_worker_is_replaced_while_the_database_is_away(tmp_path: Path) -> None:
    """With `allow_requests_on_db_unavailable` too, a change waits for the database, and no request's spend is lost."""
    with with_database(tmp_path, config=config_with("answer 0", extra=TOLERANT)) as started:
        running = started.gateway
        key = started.key()
        assert running.post("/v1/chat/completions", CHAT, key=key).status_code == httpx.codes.OK
        started.server.stop()
        digest = running.volume.put(config_with("changed", extra=TOLERANT))
        wait_for("the reload to be put off", lambda: "the workers that serve go on" in note(running), seconds=90)
        started.server.start()
        wait_for("the change to be served", partial(serves, running, digest), seconds=90)
        wait_for("the request to be billed", lambda: started.billed() == 1, seconds=60)


@pytest.mark.timeout(300)
def test_a_start_without_the_database_waits_for_it_with_the_reason(tmp_path: Path) -> None:
    """Where LiteLLM needs the database, clients read what is awaited until the server is back."""
    with with_database(tmp_path, up=False, ROUTEIQ_WAIT_FOR_SCHEMA="true") as started:
        running = started.gateway
        wait_for("clients to read what is awaited", lambda: AWAITED in unready(running), seconds=120)
        started.server.start()
        wait_for("the gateway to be ready", running.ready, seconds=90)
        started.key()


@pytest.mark.timeout(300)
def test_workers_wait_for_the_schema(tmp_path: Path) -> None:
    """LiteLLM starts on no database that is behind, and the gateway serves once it is migrated."""
    with with_database(tmp_path, migrated=False, ROUTEIQ_WAIT_FOR_SCHEMA="true") as started:
        running = started.gateway
        wait_for("clients to read what is awaited", lambda: "`routeiq-migrate up`" in unready(running), seconds=120)
        assert not started.tables()
        started.migrate()
        wait_for("the gateway to be ready", running.ready, seconds=90)
        started.key()


def note(running: Gateway) -> str:
    """What the status gives as the reason why a revision waits."""
    return str(running.status()["gateway"]["note"])


def unready(running: Gateway) -> str:
    """What ``/health/ready`` says; nothing where it is 200, or not answered yet."""
    try:
        response = running.get("/health/ready")
    except httpx.TransportError:
        return ""
    return "" if response.status_code == httpx.codes.OK else response.text


def serves(running: Gateway, digest: str) -> bool:
    """Whether the gateway serves the revision with ``digest``."""
    return (running.volume.answer().get("serving") or {}).get("digest") == digest


def keys_work(started: WithDatabase) -> bool:
    """Whether a virtual key can be made and used."""
    made = started.gateway.post("/key/generate", {"models": ["demo"]})
    return made.status_code == httpx.codes.OK and (
        started.gateway.post("/v1/chat/completions", CHAT, key=made.json()["key"]).status_code == httpx.codes.OK
    )


def events(running: Gateway, event: str) -> list[dict[str, str]]:
    """The lines of the gateway's log with ``event``."""
    lines = running.process.text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and f'"event": "{event}"' in line]
