"""The parent's loop over real channels, a real volume and real processes; only forking is left out."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from routeiq_gateway.parent import events
from routeiq_gateway.parent.answer import SecretsShown
from routeiq_gateway.secret_files.watching import SecretFiles
from tests.support.parent_bench import Bench
from tests.support.secret_mount import SecretMount
from tests.support.waiting import wait_for


def test_workers_come_up_and_are_told_to_accept(bench: Bench) -> None:
    """A revision is read, staged and brought up; once all are ready they accept, and the answer shows their pids."""
    pids = bench.serve()
    assert [bench.said_to(pid) for pid in pids] == [["accept"], ["accept"]]
    answer = bench.parent.answer.page.read()
    assert answer["serving"]["number"] == 1
    assert answer["workers"] == [{"pid": pid, "number": 1, "state": "ready"} for pid in pids]


def test_a_reload_that_is_asked_for_is_answered(bench: Bench) -> None:
    """The worker that asked hears `drain` and the outcome; a refusal is told with its reason."""
    first, second = bench.serve()
    for reply, fate in [("nack", {"kind": "refused", "reason": "bad model"}), ("ack", {"kind": "ready"})]:
        bench.said_to(first)
        bench.forker.spoken[first].send("reload", id=5)
        bench.turn()
        bench.turn()
        new = [pid for pid in bench.pids if pid not in {first, second}][-2:]
        for pid in new:
            bench.forker.spoken[pid].send(**fate)
        bench.turn()
        told = bench.forker.spoken[first].receive()[-1]
        assert (told["kind"], told["id"], told["result"]) == ("reloaded", 5, reply)


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 9, str(signal.SIGRTMIN + 9))]
)
def test_a_dead_worker_is_buried_and_replaced(bench: Bench, number: int, name: str) -> None:
    """Its process is reaped, its channel closed, its pid is in the log, and another comes up, whatever the signal."""
    first, second = bench.serve()
    bench.end(first, number)
    bench.turn()
    assert first not in bench.pids
    with pytest.raises(ChildProcessError):
        os.waitpid(first, os.WNOHANG)
    died = bench.logged("a worker died")
    assert died == [{"event": "a worker died", "worker": first, "ended": f"signal {name}"}]
    bench.turn()
    assert second in bench.pids
    assert len(bench.pids) == 2


def test_a_worker_that_was_ready_and_died_is_not_told_to_accept(bench: Bench) -> None:
    """Its last words are read, but a dead worker is not ready: the start is put off, since no configuration kills."""
    bench.turn()
    first, second = bench.pids
    bench.forker.spoken[second].send("ready")
    bench.forker.spoken[first].send("ready")
    bench.end(first)
    bench.turn()
    assert bench.parent.answer.refused is None
    assert "a worker ended at its start with signal SIGKILL" in bench.parent.state.note


def test_a_stop_ends_with_the_last_worker(bench: Bench) -> None:
    """Workers drain, the listening socket is closed, and the answer says that the gateway has stopped."""
    pids = bench.serve()
    bench.parent.feed(events.Stop())
    bench.turn()
    assert [bench.said_to(pid) for pid in pids] == [["accept", "drain"]] * 2
    assert bench.parent.listener.fileno() == -1
    for pid in pids:
        bench.end(pid)
    bench.turn()
    assert bench.parent.state.phase == "stopped"
    assert bench.parent.answer.page.read()["state"] == "stopped"


@pytest.mark.parametrize("limit", [5.0, 0.0])
def test_a_worker_whose_pulse_stops_is_asked_for_its_stack_and_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    """Not before the limit, and not at all with a limit of 0; the other worker, whose pulse goes on, is left alone."""
    bench.parent.settings.worker_hang = limit
    hangs, turns = bench.serve()
    pulses = {child.pid: child.pulse for child in bench.parent.processes.children.values()}
    loop, now = asyncio.new_event_loop(), time.monotonic()
    pulses[hangs].start(loop)
    for second in range(12):
        monkeypatch.setattr(time, "monotonic", lambda second=second: now + second)
        pulses[turns].start(loop)
        bench.parent._watch()  # noqa: SLF001 - `run` ends only with the gateway
        assert second > limit or not bench.logged("a worker hangs")
    loop.close()
    told = bench.logged("a worker hangs")
    assert [line["worker"] for line in told] == ([hangs] if limit else [])
    monkeypatch.undo()
    bench.turn()
    assert len(bench.pids) == (3 if limit else 2)


def turn_until(bench: Bench, secrets: SecretFiles, number: int) -> None:
    """Turn the loop until the secret set of this number is the newest."""

    def turned() -> bool:
        bench.turn()
        return secrets.newest == number

    wait_for(f"secret set {number}", turned)


def test_secret_files_make_a_generation_of_their_own(bench: Bench, tmp_path: Path) -> None:
    """A change brings a full set up on the same revision; refused, it is told of the secrets alone."""
    mount = SecretMount(tmp_path / "secrets")
    mount.put({"KEY": "first-value"})
    secrets = SecretFiles([mount.path])
    bench.parent.revisions.secrets = secrets
    bench.parent.answer.secrets = SecretsShown()
    old = bench.serve()
    shown = bench.parent.answer.page.read()["secrets"]
    assert (shown["files"], shown["refused"]) == (1, None)
    mount.put({"KEY": "second-value", "MORE": "third-value"})
    turn_until(bench, secrets, 2)
    bench.turn()
    new = [pid for pid in bench.pids if pid not in old]
    bench.forker.spoken[new[0]].send("refused", reason="no such key")
    bench.turn()
    answer = bench.parent.answer.page.read()
    assert answer["secrets"]["refused"]["reason"] == "no such key"
    assert answer["secrets"] == {**shown, "refused": answer["secrets"]["refused"]}
    assert (answer["refused"], answer["serving"]["number"]) == (None, 1)
    assert secrets.of(1).values == {"KEY": "first-value"}
    mount.put({"KEY": "fourth-value", "MORE": "third-value"})
    turn_until(bench, secrets, 3)
    bench.turn()
    for pid in [pid for pid in bench.pids if pid not in {*old, *new}]:
        bench.forker.spoken[pid].send("ready")
    bench.turn()
    answer = bench.parent.answer.page.read()
    assert (answer["secrets"]["files"], answer["secrets"]["refused"]) == (2, None)
    assert answer["secrets"]["changed_at"] > shown["changed_at"]
    assert [bench.said_to(pid)[-1] for pid in old] == ["drain"] * 2


def test_without_its_secret_files_nothing_is_begun(bench: Bench, tmp_path: Path) -> None:
    """A start waits for the files, and says for which; orphans are asked meanwhile, so that they go on."""
    bench.parent.revisions.secrets = SecretFiles([tmp_path / "absent"])
    bench.parent.answer.secrets = SecretsShown()
    bench.turn()
    note = bench.parent.answer.page.read()["note"]
    assert (
        note == f"ROUTEIQ_SECRETS_DIR: {tmp_path}/absent: No such file or directory; mount it, or correct the setting"
    )
    assert [rollout.purpose for rollout in bench.parent.state.rollouts] == ["placeholder"]
    assert bench.parent.answer.page.read()["secrets"]["refused"]["reason"] == note
