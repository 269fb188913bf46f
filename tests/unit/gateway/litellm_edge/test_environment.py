"""The variables that LiteLLM reads."""

from routeiq_gateway.litellm_edge.environment import keep_database_from


def test_litellm_can_be_kept_from_the_database() -> None:
    """The variables that name a database are removed, others stay, and the result says whether there were any."""
    environment = {"DATABASE_URL": "a", "DIRECT_URL": "b", "DATABASE_URL_READ_REPLICA": "c", "PORT": "4000"}
    assert keep_database_from(environment)
    assert environment == {"PORT": "4000"}
    assert not keep_database_from(environment)
