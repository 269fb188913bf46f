import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.asking import SLOW, Asking, Streaming
from tests.support.gateway import MASTER_KEY, Gateway, alive, config_with, gateway
from tests.support.upstream import upstream
from tests.support.waiting import wait_for


def test_a_dead_worker_is_forked_again(shared: Gateway) -> None:
    """A killed worker is replaced, on the revision being served, while the other one answers."""
    first, second = shared.workers()
    os.kill(first, signal.SIGKILL)
    assert shared.chat() == "first"
    wait_for("two workers again", lambda: len(shared.workers()) == 2 and first not in shared.workers())
    assert second in shared.workers()
    assert shared.chat() == "first"


def test_all_workers_dead_come_back(shared: Gateway) -> None:
    """With every worker killed at once, connections wait in the kernel's queue and are answered."""
    workers = shared.workers()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    assert shared.chat() == "first"
    wait_for("new workers", lambda: len(shared.workers()) == 2 and not set(workers) & set(shared.workers()))


def test_a_worn_worker_is_replaced_without_a_loss(tmp_path: Path) -> None:
    """Past ROUTEIQ_WORKER_MAX_REQUESTS a worker is replaced, the new one first; no request fails."""
    with gateway(tmp_path, ROUTEIQ_WORKER_MAX_REQUESTS="60") as started:
        started.volume.put(config_with("x"))
        started.wait_ready()
        before = set(started.workers())
        with Asking(started, 4) as asking:
            wait_for("both workers to be replaced", lambda: not before & set(started.workers()), seconds=60)
            asking.more(10)
        assert not asking.failures


def test_a_reload_under_load_loses_nothing(tmp_path: Path) -> None:
    """Clients on keep-alive connections see no failure over five reloads, and then only the newest answer."""
    with gateway(tmp_path) as started:
        started.volume.put(config_with("answer 0"))
        started.wait_ready()
        with Asking(started, 8) as asking:
            for number in range(1, 6):
                started.wait_serving(started.volume.put(config_with(f"answer {number}")))
                asking.more(20)
        assert not asking.failures
        assert {f"answer {number}" for number in range(6)} == set(asking.answers)
        assert started.chat() == "answer 5"


def test_workers_outlive_their_parent(tmp_path: Path) -> None:
    """Kill -9 of the parent: its workers go on serving, the next parent takes the socket over, nothing is lost."""
    with gateway(tmp_path) as first:
        first.volume.put(config_with("x"))
        first.wait_ready()
        orphans = first.workers()
        with Asking(first, 4) as asking:
            first.process.kill()
            asking.more(20)
            with gateway(tmp_path, port=first.port) as second:
                wait_for(
                    "the next parent's workers",
                    lambda: len(second.workers()) == 2 and not set(orphans) & set(second.workers()),
                    seconds=60,
                )
                wait_for("the orphans to end", lambda: not alive(orphans), seconds=60)
                asking.more(20)
                asking.stop()
        assert not asking.failures
        assert "took the listening socket over" in second.process.text()


def test_orphans_serve_on_while_the_next_parent_has_nothing_to_serve(tmp_path: Path) -> None:
    """A damaged revision and a dead parent: no request fails, past ROUTEIQ_ORPHAN_SECONDS too, until one is whole."""
    with gateway(tmp_path, ROUTEIQ_ORPHAN_SECONDS="20") as first:
        first.volume.put(config_with("good"))
        first.wait_ready()
        orphans = first.workers()
        with (first.volume.root / "current/config.yaml").open("a") as served:
            served.write("# damaged\n")
        with Asking(first, 4, fresh=2) as asking:
            died = time.monotonic()
            first.process.kill()
            with gateway(tmp_path, port=first.port) as second:
                second.process.wait_for_text("not ready", seconds=60)
                while time.monotonic() < died + 25:
                    asking.more(10)
                    assert not asking.failures
                assert alive(orphans)
                assert not second.workers()
                second.volume.number = 1
                second.wait_serving(second.volume.put(config_with("better")))
                asking.wait_for_answer("better")
                wait_for("the orphans to end", lambda: not alive(orphans))
                asking.more(10)
                asking.stop()
        assert not asking.failures


@contextlib.contextmanager
def waiting_beside_orphans(folder: Path) -> Iterator[tuple[Gateway, list[int]]]:
    """Yield a gateway without a `current`, and the workers of a dead parent that it leaves serving to."""
    with gateway(folder) as first:
        first.volume.put(config_with("good"))
        first.wait_ready()
        orphans = first.workers()
        (first.volume.root / "current").unlink()
        first.process.kill()
        with gateway(folder, port=first.port) as second:
            second.process.wait_for_text("not ready", seconds=60)
            yield second, orphans


def test_clients_are_told_to_wait_once_the_last_orphan_is_gone(tmp_path: Path) -> None:
    """No `current` and a dead parent: orphans answer, and after them one who gives the reason, over a restart too."""
    with waiting_beside_orphans(tmp_path) as (second, orphans):
        assert second.chat() == "good"
        for orphan in orphans:
            os.kill(orphan, signal.SIGTERM)
        wait_for("the reason", lambda: "waiting for syncd" in second.get("/health/ready").text)
        told = wait_for("its worker", second.workers)
        second.process.kill()
        with gateway(tmp_path, port=second.port) as third:
            wait_for("a new worker", lambda: set(third.workers()) - set(told), seconds=60)
            wait_for("the old one to end", lambda: not alive(told))
            assert "waiting for syncd" in third.get("/health/ready").text


def test_orphans_end_with_the_gateway_that_waits(tmp_path: Path) -> None:
    """A parent that leaves serving to orphans is stopped: they end with it."""
    with waiting_beside_orphans(tmp_path) as (second, orphans):
        second.process.process.terminate()
        assert second.process.wait_for_exit() == 0
        wait_for("the orphans to end", lambda: not alive(orphans))


def test_orphans_end_without_a_new_parent(tmp_path: Path) -> None:
    """Workers whose parent never comes back drain after ROUTEIQ_ORPHAN_SECONDS."""
    with gateway(tmp_path, ROUTEIQ_ORPHAN_SECONDS="1") as started:
        started.volume.put(config_with("x"))
        started.wait_ready()
        orphans = started.workers()
        started.process.kill()
        wait_for("the orphans to end", lambda: not alive(orphans))


def test_an_error_answer_is_the_clients_own(shared: Gateway) -> None:
    """LiteLLM's own 400 stays a 400: only an unknown key is turned into 401."""
    with shared.client() as client:
        response = client.post("/v1/chat/completions", json={"model": "absent", "messages": []})
        assert response.status_code == 400
        assert response.json()["error"]
    with shared.client(key=MASTER_KEY + "x") as client:
        assert client.get("/v1/models").status_code == 401


def test_the_number_of_draining_workers_is_bounded(tmp_path: Path) -> None:
    """With as many workers draining as allowed, the next revision waits, says so, and is taken once one has ended."""
    with upstream(chunks=16, pause=0.25) as provider, gateway(tmp_path, ROUTEIQ_MAX_DRAINING_WORKERS="1") as started:
        slow = SLOW.format(provider.base)
        started.volume.put(config_with("one", extra=slow))
        started.wait_ready()
        stream = Streaming(started)
        stream.wait_begun()
        started.wait_serving(started.volume.put(config_with("two", extra=slow)))
        digest = started.volume.put(config_with("three", extra=slow))
        wait_for("the deferral", lambda: "ROUTEIQ_MAX_DRAINING_WORKERS" in started.status()["gateway"]["note"])
        assert started.chat() == "two"
        assert stream.wait_ended()[-1] == "[DONE]"
        started.wait_serving(digest)
        assert started.status()["gateway"]["note"] == ""
