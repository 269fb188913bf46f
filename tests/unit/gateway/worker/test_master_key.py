"""The master key opens the gateway's own routes."""

import pytest

from routeiq_gateway.worker.master_key import check_master_key
from routeiq_gateway.worker.replies import Call


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
    refusal = check_master_key(key, ("authorization",), Call(headers))
    assert (refusal.status if refusal else None) == status


@pytest.mark.parametrize(
    ("headers", "opens"),
    [
        ({"x-litellm-key": "Bearer sk-right"}, True),
        ({"x-litellm-key": "sk-right"}, True),
        ({"authorization": "Bearer sk-right"}, True),
        ({"x-litellm-key": "Bearer sk-right", "authorization": "Bearer sk-wrong"}, True),
        ({"x-litellm-key": "Bearer sk-wrong", "authorization": "Bearer sk-right"}, False),
        ({"x-litellm-key": "", "authorization": "Bearer sk-right"}, False),
        ({"x-other": "Bearer sk-right"}, False),
        ({}, False),
    ],
)
def test_the_first_header_for_keys_that_was_sent_counts(headers: dict[str, str], opens: bool) -> None:  # noqa: FBT001
    """The header that the configuration names goes before `Authorization`, and the refusal names it."""
    refusal = check_master_key("sk-right", ("x-litellm-key", "authorization"), Call(headers))
    assert (refusal is None) == opens
    assert refusal is None or "X-Litellm-Key: Bearer" in refusal.body["error"]["message"]
