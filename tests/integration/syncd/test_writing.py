"""A write is seen whole or not at all, whatever happens to the writer, the disk, or the volume."""

import json
import resource
import shutil
from pathlib import Path

import pytest

from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for


def test_killed_between_any_two_steps_a_reader_sees_a_complete_revision(syncd: Syncd, tmp_path: Path) -> None:
    """After SIGKILL at each step of a write, `current` is complete, and the next start finishes the change."""
    syncd.write("model_list: []\n", "part.yaml")
    syncd.write(config("first") + "include: [part.yaml]\n")
    log = tmp_path / "steps"
    with syncd.steps(log) as once:
        assert once("-") == 0
        steps = log.read_text().splitlines()
        assert len(steps) >= 9
        for at, step in enumerate(steps):
            before, _ = syncd.current()
            syncd.write(config(f"model-{at}") + "include: [part.yaml]\n")
            assert once(step) == -9, step
            killed, files = syncd.current()
            assert killed >= before, step
            assert (f"model-{at}".encode() in files["config.yaml"]) == (killed > before), step
            assert once("-") == 0, step
            number, files = syncd.current()
            assert number >= killed, step
            assert f"model-{at}".encode() in files["config.yaml"], step
            assert syncd.leftovers() == [], step


def test_killed_while_it_collects_garbage_nothing_half_removed_has_a_name(syncd: Syncd, tmp_path: Path) -> None:
    """A revision that is being removed has left its name first; the next start removes the rest."""
    log = tmp_path / "steps"
    with syncd.steps(log) as once:
        for number in range(1, 11):
            syncd.write(config(f"model-{number}"))
            assert once("-") == 0
        oldest = min(path.name for path in (syncd.volume / "revisions").iterdir())
        syncd.write(config("one-too-many"))
        assert once(f"revision {oldest} set aside") == -9
        assert len(syncd.leftovers()) == 1
        assert not (syncd.volume / "revisions" / oldest).exists()
        assert b"one-too-many" in syncd.current()[1]["config.yaml"]
        assert once("-") == 0
        assert syncd.leftovers() == []


def test_a_full_disk_leaves_current_and_heals_without_a_change_at_the_source(syncd: Syncd) -> None:
    """While the disk takes nothing, `current` stays and the status says why; with room, the change arrives."""
    syncd.write(config("small"))
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
        syncd.write(config("large") + "# " + "x" * 5000 + "\n")
        status = syncd.wait_for_status("the failed write", fetch__outcome="failed")
        assert "File too large" in status["last_error"]["message"]
        assert status["desired"]["number"] == 1
        assert b"small" in syncd.current()[1]["config.yaml"]
        assert syncd.leftovers() == []
        assert syncd.request("GET", "/readyz")[0] == 200
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        status = syncd.wait_for_status("the change", fetch__outcome="unchanged", last_error=None)
        assert status["desired"]["number"] == 2
        assert b"large" in syncd.current()[1]["config.yaml"]


def test_a_status_that_does_not_fit_is_no_reason_to_die(syncd: Syncd) -> None:
    """With no room even for status.json, syncd goes on, and writes it when there is room."""
    syncd.write(config("a"))
    # The limit would bind the log's file too.
    with syncd.run(output=Path("/dev/null")) as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        syncd.write(config("b"))
        failed = syncd.wait_for_status("the failed write", fetch__outcome="failed")
        assert failed["desired"]["number"] == 1
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        syncd.wait_for_status("the change", desired__number=2)
        wait_for(
            "status.json",
            lambda: json.loads((syncd.volume / "status.json").read_text())["desired"]["number"] == 2,
        )


def test_the_link_is_relative_so_that_the_volume_can_be_mounted_elsewhere(syncd: Syncd) -> None:
    """`current` resolves when the volume is moved."""
    syncd.write(config())
    syncd.once()
    target = str((syncd.volume / "current").readlink())
    assert target.startswith("revisions/000001-")
    syncd.volume.rename(syncd.directory / "elsewhere")
    assert (syncd.directory / "elsewhere/current/config.yaml").read_text() == config()


def test_numbers_only_grow_even_when_the_volume_forgets(syncd: Syncd) -> None:
    """With `current` and all revisions gone, the gateway's answer still bounds the next number from below."""
    syncd.write(config())
    syncd.once()
    (syncd.volume / "current").unlink()
    assert syncd.once()["revision"]["number"] == 2
    answer = {"format": 1, "serving": {"number": 41, "digest": "0" * 64, "since": "2026-01-01T00:00:00.000Z"}}
    (syncd.volume / "answers/gateway.json").write_text(json.dumps(answer))
    (syncd.volume / "current").unlink()
    assert syncd.once()["revision"]["number"] == 42


@pytest.mark.parametrize("running", [False, True])
def test_what_is_no_link_in_the_place_of_current_is_set_aside(syncd: Syncd, *, running: bool) -> None:
    """A directory called `current`, found at a start or while running, is renamed and named in the log."""
    syncd.write(config())
    current = syncd.volume / "current"
    if not running:
        current.mkdir(parents=True)
        (current / "mine").write_text("kept")
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        if running:
            current.unlink()
            current.mkdir()
            (current / "mine").write_text("kept")
        process.wait_for_text("current.set-aside-")
        wait_for("the link", current.is_symlink)
        assert syncd.current()[1]["config.yaml"].decode() == config()
        assert process.process.poll() is None
    assert [path.read_text() for path in syncd.volume.glob("current.set-aside-*/mine")] == ["kept"]


def test_an_emptied_volume_ends_the_run_with_a_sentence(syncd: Syncd) -> None:
    """With its lock gone another writer may be there: it ends, says why, and starts anew on what is left."""
    syncd.write(config())
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        for entry in syncd.volume.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        assert process.wait_for_exit() == 1
        assert "was emptied or replaced" in process.text()
        assert "Traceback" not in process.text()
    with syncd.run():
        syncd.wait_for_status("the first revision", desired__number=1)


def test_a_damaged_revision_is_replaced_at_the_next_start(syncd: Syncd) -> None:
    """A tree whose files are not those of its manifest is not taken for the current revision."""
    syncd.write(config())
    syncd.once()
    (syncd.volume / "current/config.yaml").write_text("half")
    result = syncd.once()
    assert (result["outcome"], result["revision"]["number"]) == ("changed", 2)
    assert syncd.current()[1]["config.yaml"].decode() == config()


def test_old_revisions_go_and_those_in_use_stay(syncd: Syncd) -> None:
    """Of 14 revisions the last 10 stay, and with them what the gateway serves, refused, or still has workers on."""
    syncd.write(config("model-0"))
    with syncd.run():
        syncd.wait_for_status("the first revision", desired__number=1)
        at = 0
        for number in range(1, 15):
            syncd.write(config(f"model-{number}"))
            assert syncd.command("POST", "/poll")[0] == 200
            if number == 3:
                at = syncd.status()["desired"]["number"]
                answer = {
                    "format": 1,
                    "serving": {"number": at, "digest": "0" * 64, "since": "2026-01-01T00:00:00.000Z"},
                    "workers": [{"pid": 1, "number": at - 1, "state": "draining"}],
                }
                (syncd.volume / "answers/gateway.json").write_text(json.dumps(answer))
    numbers = sorted(int(path.name[:6]) for path in (syncd.volume / "revisions").iterdir())
    newest = syncd.current()[0]
    assert numbers == [at - 1, at, *range(newest - 9, newest + 1)]


def test_a_second_syncd_on_one_volume_is_refused(syncd: Syncd) -> None:
    """`once` beside `run` says in a sentence who holds the volume, and changes nothing."""
    syncd.write(config())
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        result = syncd.call("once")
        assert result.returncode == 1
        assert "Another syncd writes the volume" in result.stderr
        assert "Traceback" not in result.stderr
        process.kill()
    assert syncd.call("once").returncode == 0


def test_a_volume_whose_places_are_taken_ends_nothing(syncd: Syncd) -> None:
    """A file in the place of `revisions`, a directory in that of `status.json`: it is said, and mended it goes on."""
    syncd.write(config("one"))
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        revisions, status = syncd.volume / "revisions", syncd.volume / "status.json"
        revisions.rename(syncd.volume / "away")
        revisions.touch()
        syncd.write(config("two"))
        code, body = syncd.command("POST", "/poll")
        assert (code, body["fetch"]["outcome"]) == (200, "failed")
        assert f"The volume {syncd.volume} cannot be used now" in body["last_error"]["message"]
        status.unlink()
        status.mkdir()
        wait_for("a word about the status", lambda: "did not take status.json" in process.text())
        revisions.unlink()
        (syncd.volume / "away").rename(revisions)
        status.rmdir()
        syncd.command("POST", "/poll")
        syncd.wait_for_status("the change", desired__number=2, last_error=None)
        assert "Traceback" not in process.text()
