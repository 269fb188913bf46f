"""The master key opens the gateway's own routes."""

import pytest

from routeiq_gateway.worker.replies import Call, check_master_key


@pytest.mark.parametrize(
    ("key", "authorization", "status"),
    [
        ("sk-right", "Bearer sk-right", None),
        ("sk-right", "Bearer sk-wrong", 401),
        ("sk-right", None, 401),
        (None, "Bearer x", 403),
        ("", "Bearer ", 403),
    ],
)
def test_the_master_key_opens(key: str | None, authorization: str | None, status: int | None) -> None:
    """The right key opens the route, a wrong or missing key does not, and without a master key no key does."""
    refusal = check_master_key(key, Call(authorization))
    assert (refusal.status if refusal else None) == status
