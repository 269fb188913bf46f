from pathlib import Path

import psutil
import pytest

from tests.support.asking import SLOW, Asking, Streaming
from tests.support.gateway import config_with
from tests.support.s3 import Server
from tests.support.stack import POLL_SECONDS, Stack, from_s3, stack
from tests.support.upstream import upstream
from tests.support.waiting import wait_for

CHANGES = 20
# A leak in the parent counts three times, for its workers inherit it: a third of a MiB a change would pass this.
GROWTH_MEBIBYTES = 16
WORKERS = 2


@pytest.mark.timeout(300)
def test_twenty_changes_under_load_lose_nothing(tmp_path: Path, s3: Server) -> None:
    """20 changes through S3, 16 clients, three streams of 20 s across them: no failure, each seen soon, memory flat."""
    bucket = s3.bucket("changes")
    with upstream(chunks=80, pause=0.25) as provider, stack(tmp_path, from_s3(s3, bucket)) as running:
        slow = SLOW.format(provider.base)
        s3.put(bucket, config_with("answer 0", extra=slow))
        running.gateway.wait_ready()
        streams: list[Streaming] = []
        memory: dict[int, float] = {}
        with Asking(running.gateway, 16, fresh=4) as asking:
            for number in range(1, CHANGES + 1):
                if number in {1, 7, 14}:
                    streams.append(Streaming(running.gateway))
                    streams[-1].wait_begun()
                s3.put(bucket, config_with(f"answer {number}", extra=slow))
                asking.wait_for_answer(f"answer {number}", seconds=POLL_SECONDS + 5)
                memory[number] = wait_for("two serving workers", lambda: serving_mebibytes(running))
            pieces = [stream.wait_ended() for stream in streams]
        assert not asking.failures
        assert pieces == [[f"piece-{number} " for number in range(80)] + ["[DONE]"]] * 3
        assert memory[CHANGES] - memory[5] <= GROWTH_MEBIBYTES, memory
        parent = psutil.Process(running.pid("gateway"))
        wait_for("the drained workers to be gone", lambda: len(parent.children()) == WORKERS)
        assert running.gateway.status()["desired"]["number"] == CHANGES + 1


def serving_mebibytes(running: Stack) -> float:
    """Anonymous memory of syncd, of the parent and of the serving workers, each counted whole, in MiB; 0 amid a swap.

    Shared pages count in each: a fork copies them one by one as it serves, so what a process has for itself depends on
    how many requests it has answered since the change, and says nothing of growth.
    """
    workers = running.gateway.workers("ready")
    pids = [running.pid("syncd"), running.pid("gateway"), *workers]
    try:
        return sum(map(anonymous_kibibytes, pids)) / 1024 if len(workers) == WORKERS else 0
    except (FileNotFoundError, StopIteration):  # one of the swapped out has just ended
        return 0


def anonymous_kibibytes(pid: int) -> int:
    """The resident memory of a process that no file backs, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def test_a_local_file_is_followed(tmp_path: Path) -> None:
    """With the file source an edit is taken without waiting for a poll, and a ConfigMap's flip of links too."""
    config = tmp_path / "config"
    for name, answer in (("v1", "from v1"), ("v2", "from v2")):
        (config / name).mkdir(parents=True)
        (config / name / "config.yaml").write_text(config_with(answer))
    (config / "..data").symlink_to("v1")
    (config / "config.yaml").symlink_to("..data/config.yaml")
    settings = {"LITELLM_CONFIG_PATH": str(config / "config.yaml"), "CONFIG_SYNC_INTERVAL": "3600"}
    with stack(tmp_path, settings) as running:
        running.gateway.wait_ready()
        assert running.gateway.chat() == "from v1"
        (config / "..data_tmp").symlink_to("v2")
        (config / "..data_tmp").replace(config / "..data")
        wait_for("the new answer", lambda: running.gateway.chat() == "from v2")


def test_reload_fetches_at_once(tmp_path: Path, s3: Server) -> None:
    """`POST /llmrouter/config/reload` has syncd look at the source now, whatever its interval."""
    bucket = s3.bucket("reload")
    s3.put(bucket, config_with("before"))
    with stack(tmp_path, {**from_s3(s3, bucket), "CONFIG_SYNC_INTERVAL": "3600"}) as running:
        running.gateway.wait_ready()
        s3.put(bucket, config_with("after"))
        response = running.gateway.post("/llmrouter/config/reload")
        assert response.status_code == 200, response.text
        assert response.json()["fetch"]["outcome"] == "changed"
        assert running.gateway.chat() == "after"
