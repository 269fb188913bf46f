"""Invariants 1 to 7 hold over what happens to a fleet under random faults; and the checker can tell."""

import contextlib
import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import Hands, digest_of
from tests.support.fleet import Fleet, fleet
from tests.support.history import Put, Recorded, Served, wrong
from tests.support.history_recorder import HistoryRecorder
from tests.support.postgres import running_postgres
from tests.support.s3 import Server
from tests.support.schedule import schedule
from tests.support.syncd import config
from tests.support.tcp_proxy import Proxy, proxying
from tests.support.waiting import wait_for

REPLICAS = 3
LEASE = 1.2
"""Half an hour at the default lease of 30 s is 60 leases: 72 s at this one."""
SECONDS = float(os.environ.get("ROUTEIQ_TEST_FAULTS_SECONDS", "72"))
SEED = int(os.environ.get("ROUTEIQ_TEST_FAULTS_SEED") or secrets.randbelow(10**6))
SETTINGS = {
    "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": str(LEASE),
    "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": "0.5",
    "CONFIG_SYNC_INTERVAL": "0.3",
}


@pytest.fixture
def hands(tmp_path: Path, s3: Server) -> Iterator[Hands]:
    """A fleet on a database of its own; every replica reaches it through a proxy of its own, and S3 through one."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running_postgres(settings={"max_connections": "60"}))
        replicas = stack.enter_context(fleet(tmp_path, server, s3, f"faults{secrets.token_hex(3)}", SETTINGS))
        source = stack.enter_context(proxying(int(s3.endpoint.rpartition(":")[2])))
        replicas.settings["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{source.port}"
        proxies = [stack.enter_context(proxying(server.port)) for _ in range(REPLICAS)]
        for index, proxy in enumerate(proxies):
            replicas.own[index] = {"DATABASE_URL": _through(server.url(replicas.database), server.port, proxy)}
        recorder = stack.enter_context(HistoryRecorder(replicas, REPLICAS))
        yield Hands(replicas, proxies, source, recorder)


def _through(url: str, port: int, proxy: Proxy) -> str:
    return url.replace(f":{port}/", f":{proxy.port}/")


@pytest.mark.timeout(SECONDS + 240)
def test_random_faults_break_no_invariant(hands: Hands) -> None:
    """Kills, pauses, cuts, stalls, database restarts, S3 errors, refused changes: nothing wrong in what was recorded.

    ``ROUTEIQ_TEST_FAULTS_SECONDS`` runs longer, ``ROUTEIQ_TEST_FAULTS_SEED`` the same schedule again.
    """
    recorder = hands.recorder
    print(f"ROUTEIQ_TEST_FAULTS_SEED={SEED}")  # noqa: T201 - shown where it fails
    hands.put_next()
    for index in range(REPLICAS):
        hands.replicas.start(index)
    hands.replicas.wait_serving("change-1")
    steps = schedule(SEED, SECONDS, REPLICAS)
    hands.play(steps)
    recorder.read_database()
    found = wrong(recorder.events)
    counts = Counter(type(event).__name__ for event in recorder.events)
    print(f"{SECONDS:g} s, {len(steps)} steps, {dict(counts)}")  # noqa: T201 - measured
    assert not found, (f"ROUTEIQ_TEST_FAULTS_SEED={SEED}", found)
    assert counts["Recorded"] > len(steps) / 20, "changes were published between the faults"
    assert counts["Granted"] > 1, "the lease changed hands"


def test_without_the_fence_the_checker_finds_the_violation(hands: Hands, tmp_path: Path) -> None:
    """The same recording of a holder whose publish is not fenced, stopped past its lease: invariant 1 is broken."""
    replicas, recorder = hands.replicas, hands.recorder
    for name in ("first", "old", "new"):
        recorder.note(Put(digest_of(config(name))))
    trigger = tmp_path / "trigger"
    replicas.put("first")
    replicas.start_stepping(0, "before publish", trigger, "unfenced")
    replicas.wait_serving("first")
    replicas.start(1)
    replicas.wait_serving("first")
    trigger.touch()
    replicas.put("old")
    wait_for("the holder to stop itself", lambda: _stopped(replicas), every=0.01)
    replicas.put("new")
    replicas.wait_serving("new", 1)
    os.kill(replicas.processes[0].pid, signal.SIGCONT)
    wait_for("the stale revision", lambda: len(replicas.revisions()) == 3)
    recorder.read_database()
    found = wrong(recorder.events)
    assert [sentence for sentence in found if sentence.startswith("1: revision 3 names epoch 1")], found
    assert {type(event) for event in recorder.events} >= {Served, Recorded}


def _stopped(replicas: Fleet) -> bool:
    return Path(f"/proc/{replicas.processes[0].pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
