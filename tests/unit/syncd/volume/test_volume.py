"""What cannot be read now is not gone."""

from contextlib import closing
from pathlib import Path

from routeiq_syncd.configuration.bundle import CONFIG
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.volume.opening import open_volume
from routeiq_syncd.volume.tree import intact
from routeiq_syncd.volume.volume import Volume
from tests.support.few_files import no_descriptors
from tests.support.snapshots import BUNDLE, manifest


def held(volume: Volume) -> Manifest:
    """Put a revision on the volume, and read it."""
    assert volume.materialise(BUNDLE, manifest(1)) is None
    current = volume.current()
    assert current is not None
    return current


def test_without_descriptors_the_revision_is_still_known(tmp_path: Path) -> None:
    """`current` names what it named before; a tree that is really gone is gone."""
    with closing(open_volume(tmp_path)) as volume:
        current = held(volume)
        with no_descriptors():
            assert volume.current() == current
        (tmp_path / "current" / "manifest.json").unlink()
        assert volume.current() is None


def test_a_start_without_descriptors_keeps_the_revision(tmp_path: Path) -> None:
    """A file that cannot be read now is no reason to take `current` away; one that is another is."""
    with closing(open_volume(tmp_path)) as volume:
        current = held(volume)
        tree = tmp_path / "revisions" / current.name
        with no_descriptors():
            assert intact(tree, current)
        (tree / CONFIG).write_bytes(b"model_list: {}")
        assert not intact(tree, current)
        (tree / CONFIG).unlink()
        assert not intact(tree, current)


def test_what_could_not_be_removed_is_removed_later(tmp_path: Path) -> None:
    """Nothing that garbage collection left half removed stays until the next start."""
    with closing(open_volume(tmp_path)) as volume:
        held(volume)
        left = tmp_path / "revisions" / ".tmp-left"
        left.mkdir()
        with no_descriptors():
            assert volume.collect() == ()
        assert left.exists()
        volume.collect()
        assert not left.exists()
