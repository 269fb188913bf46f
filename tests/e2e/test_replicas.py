"""Two whole containers on one database: what changes at the source reaches both, whoever dies."""

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.gateway import config_with
from tests.support.postgres import running_postgres
from tests.support.s3 import Server
from tests.support.stack import Stack, from_s3, stack
from tests.support.waiting import wait_for

LEASE = 6


def holder(stacks: list[Stack]) -> Stack:
    """Wait for exactly one of them to lead, and return it."""

    def leading() -> list[Stack]:
        found = [one for one in stacks if one.gateway.status()["leader_election"]["is_leader"]]
        return found if len(found) == 1 else []

    return wait_for("one holder", leading, seconds=60)[0]


def wait_answers(stacks: list[Stack], answer: str) -> None:
    """Wait until the gateway of each answers with what the source holds."""
    for one in stacks:
        wait_for(f"the answer {answer}", lambda one=one: one.gateway.chat() == answer, seconds=60)  # type: ignore[misc]  # mypy infers no lambda default


@pytest.mark.timeout(240)
def test_two_supervised_replicas_follow_every_change_whoever_dies(tmp_path: Path, s3: Server) -> None:
    """Migrated by both at once; a change reaches both, and so does the next with the holder killed or its pod."""
    bucket = s3.bucket("replicas")
    s3.put(bucket, config_with("one"))
    with running_postgres() as server, contextlib.ExitStack() as pods:
        settings = {
            **from_s3(s3, bucket),
            "DATABASE_URL": server.create_database("replicas"),
            "ROUTEIQ_LITELLM_DATABASE": "false",
            "ROUTEIQ_WORKERS": "1",
            "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": str(LEASE),
            "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": "2",
        }
        stacks = []
        for index in range(2):
            folder = tmp_path / f"pod{index}"
            folder.mkdir()
            stacks.append(pods.enter_context(stack(folder, settings)))
        for one in stacks:
            one.gateway.wait_ready()
        wait_answers(stacks, "one")
        s3.put(bucket, config_with("two"))
        wait_answers(stacks, "two")

        leading = holder(stacks)
        parents = [one.pid("gateway") for one in stacks]
        os.kill(leading.pid("syncd"), signal.SIGKILL)
        s3.put(bucket, config_with("three"))
        wait_answers(stacks, "three")

        leading = holder(stacks)
        below = psutil.Process(leading.supervisord.pid).children(recursive=True)
        leading.supervisord.kill()
        for process in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        (left,) = (one for one in stacks if one is not leading)
        s3.put(bucket, config_with("four"))
        wait_answers([left], "four")
        assert left.pid("gateway") == parents[stacks.index(left)], "no gateway restarted"
        rows = server.sql("SELECT number, epoch FROM routeiq.revision ORDER BY number", database="replicas")
        numbers, epochs = zip(*(map(int, row.split("|")) for row in rows), strict=True)
        assert numbers == (1, 2, 3, 4)
        assert list(epochs) == sorted(epochs)
        assert len(set(epochs)) == 3, "each of the last two changes was another holder's"
        for one in stacks:
            text = one.supervisord.text()
            assert server.password not in text
            assert text.count("LiteLLM runs without a database") == 1
