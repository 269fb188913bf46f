"""Two pods, each a gateway beside its syncd: what the fleet publishes, both answer with."""

import contextlib
from pathlib import Path

from tests.support.fleet import LEASE, PADDING, Fleet
from tests.support.gateway import Gateway, config_with, gateway
from tests.support.waiting import wait_for


def test_both_gateways_answer_with_a_change_and_go_on_after_the_holder_died(replicas: Fleet, tmp_path: Path) -> None:
    """A change at S3, one of 2 MiB, reaches both; so does the next with the holder killed; no gateway restarted."""

    def put(answer: str, more: str = "") -> None:
        replicas.s3.put(replicas.bucket, config_with(answer) + more)

    def both(served: list[Gateway], answer: str) -> None:
        wait_for(f"both to answer {answer}", lambda: [one.chat() for one in served] == [answer] * 2, seconds=LEASE + 30)

    put("one")
    with contextlib.ExitStack() as pods:
        served = []
        for index in range(2):
            folder = tmp_path / f"pod{index}"
            folder.mkdir()
            syncd = replicas.start(index)
            volume = str(syncd.volume)
            served.append(pods.enter_context(gateway(folder, ROUTEIQ_VOLUME=volume, ROUTEIQ_WORKERS="1")))
        for one in served:
            one.wait_ready()
        both(served, "one")
        put("two", PADDING)
        both(served, "two")
        for index, one in enumerate(served):
            status = one.status()
            assert status["leader_election"]["enabled"]
            assert status["leader_election"]["is_leader"] == (index == replicas.holder())
        wait_for(
            "the fleet to tell that both serve it",
            lambda: replicas.sql("SELECT serving, state FROM routeiq.replica") == ["2|serving"] * 2,
        )
        killed = replicas.holder()
        replicas.kill(killed)
        put("three")
        replicas.start(killed)
        both(served, "three")
        assert all(one.process.process.poll() is None for one in served)
        assert replicas.sql("SELECT payload IS NULL FROM routeiq.revision ORDER BY number") == ["f", "t", "f"]
        assert [row[0] for row in replicas.revisions()] == [1, 2, 3]
