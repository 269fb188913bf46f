"""Secret sets: when files that change become a new one, and how long each is kept."""

from pathlib import Path

import pytest

from routeiq_gateway.secret_files import watching
from routeiq_gateway.secret_files.reading import BadSecretsError, Fixed, Signs, read_secrets, signs_of
from routeiq_gateway.secret_files.watching import LOOK_EVERY, STILL, SecretFiles, SecretSet
from tests.support.secret_mount import SecretMount


def looks(files: SecretFiles, begin: float, seconds: float) -> list[SecretSet | BadSecretsError]:
    """Look ten times a second, as the parent does; return what was found new."""
    found = (files.look(begin + tenth / 10) for tenth in range(round(seconds * 10)))
    return [one for one in found if one is not None]


def test_without_directories_there_is_one_empty_set() -> None:
    """A gateway without secret files serves with set 0 for ever."""
    files = SecretFiles()
    assert looks(files, 0.0, 5.0) == []
    assert (files.newest, files.of(0).values, files.problem) == (0, {}, None)


def test_a_change_becomes_a_set_once_the_files_are_still(tmp_path: Path) -> None:
    """The first look reads at once; a change is read after the files were still for a while, within a second."""
    mount = SecretMount(tmp_path / "mount")
    mount.put({"KEY": "first-value"})
    files = SecretFiles([mount.path])
    assert files.look(0.0) == SecretSet(1, {"KEY": "first-value"})
    assert looks(files, 0.1, 5.0) == []
    mount.put({"KEY": "second-value"})
    assert looks(files, 10.0, STILL) == []
    assert looks(files, 10.0 + STILL, LOOK_EVERY + 0.2) == [SecretSet(2, {"KEY": "second-value"})]
    mount.put({"KEY": "second-value"})
    assert looks(files, 20.0, 5.0) == []
    assert files.newest == 2


def test_files_that_go_on_changing_wait(tmp_path: Path) -> None:
    """Files that are written one after the other are taken together, after the last."""
    files = SecretFiles([tmp_path])
    files.look(0.0)
    for number in range(5):
        (tmp_path / f"KEY_{number}").write_text("the-value")
        assert looks(files, 10.0 + number * 0.3, 0.3) == []
    [taken] = looks(files, 12.0, 2.0)
    assert isinstance(taken, SecretSet)
    assert len(taken.values) == 5


def test_what_changes_while_it_is_read_is_no_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mixture of two states is never taken: what changed between the first file and the last is read again."""
    mount = SecretMount(tmp_path / "mount")
    mount.put({"USER": "old-user", "WORD": "old-word"})
    files = SecretFiles([mount.path])
    files.look(0.0)
    mount.put({"USER": "new-user", "WORD": "new-word"})
    swaps = [{"USER": "newest-user", "WORD": "newest-word"}]

    def swapping(directories: list[Path], fixed: Fixed) -> dict[str, str]:
        found = read_secrets(directories, fixed)
        if swaps:
            mount.put(swaps.pop())
        return found

    monkeypatch.setattr(watching, "read_secrets", swapping)
    assert looks(files, 10.0, 3.0) == [SecretSet(2, {"USER": "newest-user", "WORD": "newest-word"})]


def test_a_break_is_told_once_and_mended_by_a_set_of_its_own(tmp_path: Path) -> None:
    """The set of before stays the newest meanwhile; after the mend there is a new one, even with the same content."""
    mount = SecretMount(tmp_path / "mount")
    mount.put({"KEY": "first-value"})
    files = SecretFiles([mount.path])
    files.look(0.0)
    mount.put({"KEY": ""})
    [problem] = looks(files, 10.0, 5.0)
    assert isinstance(problem, BadSecretsError)
    assert (files.newest, files.problem) == (1, problem)
    (mount.path / "KEY").write_text("\n")
    assert looks(files, 20.0, 5.0) == []
    mount.put({"KEY": "first-value"})
    assert looks(files, 30.0, 5.0) == [SecretSet(2, {"KEY": "first-value"})]
    assert files.problem is None


def test_before_the_first_set_there_is_a_problem(tmp_path: Path) -> None:
    """Files that cannot be read at the start leave no set, and a reason; the first that can be read is set 1."""
    files = SecretFiles([tmp_path / "late"])
    assert files.newest is None
    assert files.problem is not None
    found = files.look(0.0)
    assert isinstance(found, BadSecretsError)
    assert files.newest is None
    SecretMount(tmp_path / "late").put({"KEY": "the-value"})
    assert looks(files, 10.0, 2.0) == [SecretSet(1, {"KEY": "the-value"})]


def test_sets_are_kept_while_they_are_used_and_hidden_longer(tmp_path: Path) -> None:
    """The newest and the used are kept; values of forgotten ones are still hidden in all output."""
    mount = SecretMount(tmp_path / "mount")
    files = SecretFiles([mount.path])
    for number in range(1, 5):
        mount.put({"KEY": f"Pk7-{number}-4fQz91Lw2Vh"})
        looks(files, number * 10.0, 2.0)
    files.keep({2})
    assert [files.of(number).values != {} for number in (1, 2, 3, 4)] == [False, True, False, True]
    assert files.hidden == {f"Pk7-{number}-4fQz91Lw2Vh" for number in range(1, 5)}
    assert "4fQz91" not in repr(files)


def test_a_look_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten looks a second read no file that has not changed, and look at the files five times at most."""
    (tmp_path / "KEY").write_text("the-value")
    files = SecretFiles([tmp_path])
    files.look(0.0)
    looked: list[Signs] = []

    def counting(paths: list[Path]) -> Signs:
        looked.append(())
        return signs_of(paths)

    monkeypatch.setattr(watching, "signs_of", counting)
    monkeypatch.setattr(watching, "read_secrets", None)
    assert looks(files, 1.0, 10.0) == []
    assert len(looked) <= 10 / LOOK_EVERY
