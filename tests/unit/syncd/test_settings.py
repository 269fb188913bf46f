"""Settings are refused at the door, in sentences that name the variable and quote no value."""

from pathlib import Path

import pytest

from routeiq_syncd.settings import BadSettingsError, read_settings

NAMES = ("ROUTEIQ_VOLUME", "LITELLM_CONFIG_PATH", "S3_BUCKET_NAME", "DATABASE_URL", "LLMROUTER_HA_MODE", "SYNCD_ADDR")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"CONFIG_SOURCE": "gcs"}, "this build has no source 'gcs'"),
        ({"CONFIG_SOURCE": "ftp"}, "CONFIG_SOURCE must be 'file' or 's3'."),
        ({"CONFIG_SOURCE": "s3"}, "S3_BUCKET_NAME must name the bucket"),
        ({"S3_BUCKET_NAME": "a", "CONFIG_S3_BUCKET": "b"}, "S3_BUCKET_NAME and CONFIG_S3_BUCKET mean the same"),
        ({"S3_CONFIG_KEY": "a", "CONFIG_S3_KEY": "b"}, "S3_CONFIG_KEY and CONFIG_S3_KEY mean the same and differ"),
        ({"CONFIG_SYNC_INTERVAL": "0"}, "CONFIG_SYNC_INTERVAL must be a number of seconds above 0"),
        ({"CONFIG_SYNC_INTERVAL": "nan"}, "CONFIG_SYNC_INTERVAL must be a number of seconds above 0"),
        ({"CONFIG_SYNC_INTERVAL": "s3cret"}, "CONFIG_SYNC_INTERVAL must be a number of seconds above 0"),
        ({"ROUTEIQ_MAX_CONFIG_BYTES": "4M"}, "ROUTEIQ_MAX_CONFIG_BYTES must be a whole number of bytes"),
        ({"SYNCD_ADDR": "4001"}, "SYNCD_ADDR must be host:port"),
        ({"SYNCD_ADDR": "host:70000"}, "SYNCD_ADDR must be host:port"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be debug, info, warning or error."),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be json or console."),
        ({"ROUTEIQ_VOLUME": "/v/" + "x" * 120}, "ROUTEIQ_VOLUME is too long"),
        ({"ROUTEIQ_VOLUME": "/v", "LITELLM_CONFIG_PATH": "/v/c.yaml"}, "LITELLM_CONFIG_PATH must not lie in"),
        ({"LLMROUTER_HA_MODE": "both"}, "LLMROUTER_HA_MODE must be single or leader_election."),
        ({"LLMROUTER_HA_MODE": "leader_election"}, "DATABASE_URL must be set"),
        ({"LLMROUTER_HA_MODE": "leader_election", "DATABASE_URL": "s3cret"}, "this build has only single mode"),
    ],
)
def test_what_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], told: str) -> None:
    """One sentence each, with the variable's name and without its value."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettingsError) as refused:
        read_settings()
    assert any(told in sentence for sentence in refused.value.sentences)
    assert "s3cret" not in str(refused.value)


def test_the_aliases_work_and_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CONFIG_S3_BUCKET` alone names the bucket; an empty variable takes the default."""
    monkeypatch.setenv("CONFIG_SOURCE", "S3")
    monkeypatch.setenv("CONFIG_S3_BUCKET", "bucket")
    monkeypatch.setenv("S3_CONFIG_KEY", "")
    monkeypatch.setenv("SYNCD_ADDR", "[::1]:4002")
    settings = read_settings()
    assert (settings.source, settings.bucket, settings.key) == ("s3", "bucket", "config.yaml")
    assert (settings.host, settings.port) == ("::1", 4002)


def test_a_path_of_exactly_the_systems_limit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """107 bytes of socket path fit, 108 do not."""
    room = 107 - len("/" + "/syncd.sock")
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * room)
    assert read_settings().volume == Path("/" + "x" * room)
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * (room + 1))
    with pytest.raises(BadSettingsError):
        read_settings()


def test_a_database_without_a_mode_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs as single and says that each replica fetches on its own."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:s3cret@h/d")
    (warning,) = read_settings().warnings
    assert "each replica fetches on its own" in warning
    assert "s3cret" not in warning
