"""Which variables count at the start alone."""

import os

import pytest

from routeiq_gateway.litellm_edge.command_line.start_variables import noting_reads, why_fixed
from routeiq_gateway.settings import setting_names


def test_reads_by_name_are_noted_and_walks_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """However a variable is read, its name is noted, set or not; who copies the whole environment reads none."""
    for name in ("BY_INDEX", "BY_GET", "BY_GETENV", "IN_A_WALK", "AFTER_A_WALK", "LATER"):
        monkeypatch.setenv(name, "x")
    with noting_reads() as names:
        assert os.environ["BY_INDEX"] == "x"
        assert os.environ.get("BY_GET") == "x"
        assert os.getenv("BY_GETENV") == "x"
        assert "NOT_SET_AT_ALL" not in os.environ
        assert dict(os.environ)["IN_A_WALK"] == "x"
        assert [value for name, value in os.environ.items() if name == "IN_A_WALK"] == ["x"]
        assert os.environ.copy()["IN_A_WALK"] == "x"
        assert os.environ["AFTER_A_WALK"] == "x"
    assert os.environ["LATER"] == "x"
    assert names == {"BY_INDEX", "BY_GET", "BY_GETENV", "NOT_SET_AT_ALL", "AFTER_A_WALK"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("OPENAI_API_KEY", None),
        ("LITELLM_MASTER_KEY", None),
        ("LITELLM_SALT_KEY", None),
        ("DATABASE_URL", None),
        ("REDIS_PASSWORD", None),
        ("PORT", "it is a setting"),
        ("KEEPALIVE_TIMEOUT", "it is a setting"),
        ("SSL_KEYFILE_PATH", "it is a setting"),
        ("ROUTEIQ_SECRETS_DIR", "it is a setting"),
        ("LLMROUTER_HA_MODE", "it is a setting"),
        ("LITELLM_GENERAL_SETTINGS__MASTER_KEY", "it overrides the configuration"),
        ("LITELLM_PGBOUNCER_PORT", "the gateway does not"),
        ("USE_AWS_KMS", "read"),
        ("READ_AT_IMPORT", "LiteLLM reads it when it is imported"),
        ("LD_PRELOAD", "read"),
        ("PYTHONPATH", "read"),
    ],
)
def test_what_counts_at_the_start_alone_is_no_secret_file(name: str, why: str | None) -> None:
    """A variable that a change could not reach is refused with what to do instead; all others may come from files."""
    reason = why_fixed(name, settings=setting_names(), at_import={"READ_AT_IMPORT"})
    if why is None:
        assert reason is None
    else:
        assert why in str(reason)
        assert "the file" in str(reason)


def test_every_setting_is_known_by_each_of_its_names() -> None:
    """Names of the gateway's own and of LiteLLM's command line are among them."""
    names = setting_names()
    assert {"ROUTEIQ_WORKERS", "NUM_WORKERS", "PORT", "ROUTEIQ_SECRETS_DIR", "LITELLM_CONFIG_BUCKET_NAME"} <= names
    assert all(why_fixed(name, settings=names, at_import=()) for name in names)
