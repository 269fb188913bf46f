"""The file source: what it notices, what it draws in, what it will not follow."""

import itertools
import os
import threading
from pathlib import Path

import pytest

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.sources.file import FileSource
from tests.support.syncd import Syncd, config

SLOW = {"CONFIG_SYNC_INTERVAL": "600"}  # no poll comes to help: what is noticed, the watch noticed


def test_a_change_is_noticed_without_waiting_for_the_poll(syncd: Syncd) -> None:
    """An edited file becomes a revision though the next poll is ten minutes away."""
    syncd.write(config("first"))
    with syncd.run(SLOW):
        syncd.wait_for_status("the first revision", desired__number=1)
        syncd.write(config("second"))
        syncd.wait_for_status("the second revision", desired__number=2)
        assert b"second" in syncd.current()[1]["config.yaml"]


def test_a_config_map_flip_is_noticed_and_read_as_one(syncd: Syncd) -> None:
    """Kubernetes swaps `..data`; both files of the new state arrive in one revision."""
    mount = syncd.config.parent
    for state in ("one", "two"):
        (mount / f"..{state}").mkdir(parents=True)
        (mount / f"..{state}/config.yaml").write_text(config(state) + "include: [part.yaml]\n")
        (mount / f"..{state}/part.yaml").write_text(f"litellm_settings: {{tag: {state}}}\n")
    (mount / "..data").symlink_to("..one")
    for name in ("config.yaml", "part.yaml"):
        (mount / name).symlink_to(f"..data/{name}")
    with syncd.run(SLOW):
        syncd.wait_for_status("the first revision", desired__number=1)
        (mount / "..data_tmp").symlink_to("..two")
        (mount / "..data_tmp").rename(mount / "..data")
        syncd.wait_for_status("the second revision", desired__number=2)
    _, files = syncd.current()
    assert b"two" in files["config.yaml"]
    assert b"two" in files["part.yaml"]


def test_a_flip_in_the_middle_of_a_read_never_mixes_two_states(tmp_path: Path) -> None:
    """While `..data` flips as fast as it can, every bundle that is read holds files of one state."""
    for state in ("one", "two"):
        (tmp_path / f"..{state}").mkdir()
        (tmp_path / f"..{state}/config.yaml").write_text(f"# {state}\ninclude: [part.yaml]\n")
        (tmp_path / f"..{state}/part.yaml").write_text(f"# {state}\n")
    (tmp_path / "..data").symlink_to("..one")
    for name in ("config.yaml", "part.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    done = threading.Event()

    def flip() -> None:
        for state in itertools.cycle(("two", "one")):
            if done.is_set():
                return
            (tmp_path / "..tmp").symlink_to(f"..{state}")
            (tmp_path / "..tmp").rename(tmp_path / "..data")

    flipper = threading.Thread(target=flip)
    flipper.start()
    read = 0
    try:
        for _ in range(300):
            found = FileSource(tmp_path / "config.yaml", Bounds()).fetch(None)
            if isinstance(found, Fetched):
                read += 1
                states = {data.split()[1] for data in found.bundle.files.values()}
                assert len(states) == 1
    finally:
        done.set()
        flipper.join()
    assert read > 0


def test_a_directory_where_the_manifest_goes_is_refused(syncd: Syncd) -> None:
    """An include below `manifest.json/` would make the revision impossible to write; it has its sentence."""
    syncd.write("model_list: []\n", "manifest.json/part.yaml")
    syncd.write(config() + "include: [manifest.json/part.yaml]\n")
    assert "can be included" in syncd.once()["problems"][0]


def test_polling_notices_what_the_watch_cannot(syncd: Syncd) -> None:
    """A directory that comes only after the start is found by polling."""
    with syncd.run() as process:
        process.wait_for_text("does not exist; put the configuration there")
        assert syncd.request("GET", "/readyz")[0] == 503
        syncd.write(config())
        syncd.wait_for_status("the first revision", desired__number=1)


def test_includes_and_callback_modules_are_part_of_the_revision(syncd: Syncd) -> None:
    """Nested includes, found as LiteLLM finds them, and modules that dotted strings name, come along."""
    syncd.write("model_list: []\ninclude: [deep.yaml, shared.yaml]\n", "parts/models.yaml")
    syncd.write("model_list: []\n", "parts/deep.yaml")
    syncd.write("model_list: []\n", "shared.yaml")
    syncd.write("handler = None\n", "callbacks/mine.py")
    syncd.write("unrelated = None\n", "other.py")
    syncd.write(config() + "include: [parts/models.yaml]\nlitellm_settings: {callbacks: [callbacks.mine.handler]}\n")
    assert syncd.once()["outcome"] == "changed"
    expected = {"config.yaml", "parts/models.yaml", "parts/deep.yaml", "shared.yaml", "callbacks/mine.py"}
    assert set(syncd.current()[1]) == expected
    syncd.write("handler = 1\n", "callbacks/mine.py")
    assert syncd.once()["outcome"] == "changed"


def test_a_removed_include_leaves_the_revision(syncd: Syncd) -> None:
    """What the configuration no longer names is no part of the next revision, in a running syncd too."""
    syncd.write("model_list: []\n", "part.yaml")
    syncd.write(config() + "include: [part.yaml]\n")
    with syncd.run():
        syncd.wait_for_status("the first revision", desired__number=1)
        syncd.write(config())
        syncd.wait_for_status("the second revision", desired__number=2)
    assert set(syncd.current()[1]) == {"config.yaml"}


@pytest.mark.parametrize(
    ("include", "told"),
    [
        ("../outside.yaml", "must stay beside or below the configuration"),
        ("/etc/hostname", "must stay beside or below the configuration"),
        ("absent.yaml", "config.yaml:6: the included file 'absent.yaml' is not there"),
        ("link.yaml", "link that leads out of the configuration's directory"),
        ("pipe.yaml", "only a regular file"),
        ("manifest.json", "nothing called config.yaml or manifest.json can be included"),
    ],
)
def test_an_include_that_cannot_be_followed_is_refused(syncd: Syncd, include: str, told: str) -> None:
    """Paths and links out of the directory, pipes, and files that are not there: each has its sentence."""
    syncd.write(config() + f"include: ['{include}']\n")
    (syncd.directory / "outside.yaml").write_text("model_list: []\n")
    (syncd.config.parent / "link.yaml").symlink_to(syncd.directory / "outside.yaml")
    (syncd.config.parent / "manifest.json").write_text("{}")
    os.mkfifo(syncd.config.parent / "pipe.yaml")
    result = syncd.once()
    assert result["outcome"] == "refused"
    assert any(told in problem for problem in result["problems"]), result["problems"]
    assert not (syncd.volume / "current").exists()


def test_a_configuration_by_another_name_is_config_yaml_in_the_revision(syncd: Syncd) -> None:
    """The gateway finds `config.yaml` whatever the file was called."""
    syncd.write(config("renamed"), "litellm.yml")
    path = str(syncd.config.parent / "litellm.yml")
    assert syncd.once(LITELLM_CONFIG_PATH=path)["outcome"] == "changed"
    assert b"renamed" in syncd.current()[1]["config.yaml"]
