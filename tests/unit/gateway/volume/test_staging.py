"""What a worker loads: a private copy among links."""

from pathlib import Path

import pytest

from routeiq_gateway.configuration.loading import BadRevisionError, load_config
from routeiq_gateway.configuration.overrides import find_overrides
from routeiq_gateway.volume.staging import Staging
from tests.support.few_files import no_descriptors
from tests.support.revisions import revision


def test_staging_copies_the_config_and_links_the_rest(tmp_path: Path) -> None:
    """A worker may write its config, finds files beside it, and the revision stays untouched."""
    made = revision(tmp_path, 1, b"router_settings: {num_retries: 1}\n")
    staging = Staging(find_overrides({"LITELLM_ROUTER_SETTINGS__NUM_RETRIES": "2"}), tmp_path / "staged")
    path = staging.stage(made)
    assert load_config(path.read_bytes()) == {"router_settings": {"num_retries": 2}}
    assert (path.parent / "other.txt").read_text() == "beside"
    path.write_text("changed: by the worker\n")
    assert (made.directory / "config.yaml").read_bytes() == b"router_settings: {num_retries: 1}\n"
    staging.keep([None])
    assert not path.exists()


def test_an_override_that_nests_too_deep_is_refused(tmp_path: Path) -> None:
    """The parent stages, and a depth that cannot be written is a reason to refuse and not the parent's end."""
    deep = find_overrides({"LITELLM_ROUTER_SETTINGS__" + "__".join("A" * 1000): "1"})
    with pytest.raises(BadRevisionError, match="nests too deep"):
        Staging(deep, tmp_path / "staged").stage(revision(tmp_path, 1, b"a: b\n"))


def test_a_revision_that_cannot_be_laid_out_leaves_nothing(tmp_path: Path) -> None:
    """A staging that fails, refused or without room, is tried again for as long as the revision is wanted."""
    staging = Staging(find_overrides({"LITELLM_ROUTER_SETTINGS__A": "1"}), tmp_path / "staged")
    for text in (b"- a list\n", b"a: [\n"):
        with pytest.raises(BadRevisionError):
            staging.stage(revision(tmp_path, 1, text))
    without = revision(tmp_path, 2, b"a: b\n")
    (without.directory / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError):
        staging.stage(without)
    assert list((tmp_path / "staged").iterdir()) == []


def test_what_cannot_be_removed_now_is_removed_later(tmp_path: Path) -> None:
    """A directory that is no more needed does not stay for the gateway's life for want of a descriptor."""
    staging = Staging((), tmp_path / "staged")
    old, new = revision(tmp_path, 1, b"a: b\n"), revision(tmp_path, 2, b"a: c\n")
    path = staging.stage(old)
    with no_descriptors():
        staging.keep([])
    assert path.exists()
    kept = staging.stage(new)
    staging.keep([new])
    assert not path.exists()
    assert kept.exists()
