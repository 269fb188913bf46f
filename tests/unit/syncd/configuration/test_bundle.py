"""Bundles: paths stay in their tree, and bounds are told."""

from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import Bounds, bound_problems, inside, make_bundle


@given(st.text(max_size=40))
def test_no_path_leaves_the_tree(path: str) -> None:
    """A path that is taken is relative, normal, and has no `..`; taking it again changes nothing."""
    taken = inside(path)
    if taken is not None:
        assert not taken.startswith("/")
        assert ".." not in taken.split("/")
        assert inside(taken) == taken


def test_a_path_that_no_manifest_may_name_is_not_published() -> None:
    """A source with a name that is too long is refused, so that what is published can be read."""
    (told,) = bound_problems(make_bundle({"a" * 256: b""}), Bounds())
    assert "at most 255 bytes a name and 1024 in all" in told.text()
    assert bound_problems(make_bundle({"a" * 255: b""}), Bounds()) == ()
