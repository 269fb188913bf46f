"""The master key opens the gateway's own routes."""

import pytest

from routeiq_gateway.worker.replies import Call, check_master_key


@pytest.mark.parametrize(
    ("key", "authorization", "status"),
    [
        ("sk-right", "Bearer sk-right", None),
        ("sk-right", "bearer sk-right", None),
        ("sk-right", "BEARER  sk-right", None),
        ("sk-right", "Bearer sk-wrong", 401),
        ("sk-right", "Basic sk-right", 401),
        ("sk-right", None, 401),
        (None, "Bearer x", 403),
        ("", "Bearer ", 403),
    ],
)
def test_the_master_key_opens(key: str | None, authorization: str | None, status: int | None) -> None:
    """The right key opens the route, a wrong or missing key does not, and without a master key no key does."""
    headers = {} if authorization is None else {"authorization": authorization}
    refusal = check_master_key(key, "authorization", Call(headers))
    assert (refusal.status if refusal else None) == status


def test_the_key_is_read_from_the_header_that_the_configuration_names() -> None:
    """With another header for keys, `Authorization` opens nothing, and the refusal names the header."""
    assert check_master_key("sk-right", "x-litellm-key", Call({"x-litellm-key": "Bearer sk-right"})) is None
    assert check_master_key("sk-right", "x-litellm-key", Call({"x-litellm-key": "sk-right"})) is None
    refusal = check_master_key("sk-right", "x-litellm-key", Call({"authorization": "Bearer sk-right"}))
    assert refusal is not None
    assert "X-Litellm-Key: Bearer" in refusal.body["error"]["message"]
