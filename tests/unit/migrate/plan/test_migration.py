import hashlib

from hypothesis import given
from hypothesis import strategies as st

from routeiq_migrate.plan.migration import Migration


@given(st.text(max_size=60))
def test_line_ends_do_not_change_a_checksum(text: str) -> None:
    """The digest of the script with either kind of line end matches."""
    unix = text.replace("\r\n", "\n")
    for script in (unix, unix.replace("\n", "\r\n")):
        for other in (unix, unix.replace("\n", "\r\n")):
            assert Migration("n", script).matches(hashlib.sha256(other.encode()).hexdigest())
    assert not Migration("n", text).matches(hashlib.sha256((text + "x").encode()).hexdigest())
