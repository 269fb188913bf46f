"""Invariants 1 to 11 hold over what happens to whole replicas under random faults, with clients at each of them."""

import os
import secrets
from collections import Counter
from pathlib import Path

import pytest

from tests.support.history import wrong
from tests.support.s3 import Server
from tests.support.schedule import supervised_schedule
from tests.support.supervised.world import SIZE, asked, world

SECONDS = float(os.environ.get("ROUTEIQ_TEST_FAULTS_SECONDS", "120"))
SEED = int(os.environ.get("ROUTEIQ_TEST_FAULTS_SEED") or secrets.randbelow(10**6))


@pytest.mark.timeout(3 * SECONDS + 600)
def test_random_faults_lose_no_request(tmp_path: Path, s3: Server) -> None:
    """Three supervised replicas with LiteLLM's database: programs, workers and machines killed, stopped and paused.

    Networks cut, PostgreSQL restarted and failed over, S3 away, providers that hang, changes that are refused by syncd
    or by gateways: no request fails but those inside a killed worker, and nothing that was recorded is wrong.
    ``ROUTEIQ_TEST_FAULTS_SECONDS`` runs longer, ``ROUTEIQ_TEST_FAULTS_SEED`` the same schedule again.
    """
    print(f"ROUTEIQ_TEST_FAULTS_SEED={SEED}")  # noqa: T201 - shown where it fails
    steps = supervised_schedule(SEED, SECONDS, SIZE)
    with world(tmp_path, s3) as hands:
        hands.begin()
        assert hands.provider is not None
        with asked(hands, hands.provider):
            hands.play(steps)
        recorder = hands.record
        recorder.read_database()
        recorder.read_ledgers()
        recorder.read_shown(hands.replicas.postgres.password)
        recorder.read_ends()
        found = wrong(recorder.events)
        counts = Counter(type(event).__name__ for event in recorder.events)
    print(f"{SECONDS:g} s, {len(steps)} steps, {dict(counts)}")  # noqa: T201 - measured
    assert not found, (f"ROUTEIQ_TEST_FAULTS_SEED={SEED}", found)
    assert counts["Recorded"] > len(steps) / 20, "changes were published between the faults"
    assert counts["Asked"] > SECONDS, "clients asked"
    assert counts["WorkerKilled"] or counts["Down"] > SIZE, "something was killed that answered"
