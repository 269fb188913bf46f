"""Settings that cannot work."""

from collections.abc import MutableMapping
from pathlib import Path

import pytest

from routeiq_gateway.settings import NEEDS, SAME, BadSettingsError, read_settings


def test_a_volume_path_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A UNIX socket's path is short; the setting is named with the limit."""
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * 100)
    with pytest.raises(BadSettingsError, match=r"ROUTEIQ_VOLUME: .*longer than"):
        read_settings({})


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> MutableMapping[str, str]:
    """The process's environment, without a setting of the gateway."""
    for name in [*SAME, *SAME.values(), *NEEDS, "PORT", "LITELLM_LOG", "DEBUG", "PROMETHEUS_METRICS_PORT"]:
        monkeypatch.delenv(name, raising=False)
    return Setting(monkeypatch)


class Setting(dict[str, str]):
    """Variables that are set in the environment too, until the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._monkeypatch = monkeypatch

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name, value)
        self._monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("ours", "attribute"),
    [
        ("ROUTEIQ_WORKERS", "workers"),
        ("ROUTEIQ_KEEPALIVE_SECONDS", "keepalive"),
        ("ROUTEIQ_WORKER_MAX_REQUESTS", "max_requests"),
    ],
)
def test_litellms_name_of_a_setting_means_the_same(
    environment: MutableMapping[str, str], ours: str, attribute: str
) -> None:
    """Either name sets it, both may say the same, both may not differ, and an error names the one that is set."""
    environment[SAME[ours]] = "7"
    assert getattr(read_settings(environment)[0], attribute) == 7
    environment[ours] = "7"
    assert getattr(read_settings(environment)[0], attribute) == 7
    environment[ours] = "8"
    with pytest.raises(BadSettingsError, match=f"{ours} and {SAME[ours]} mean the same and differ"):
        read_settings(environment)
    environment[ours] = ""
    assert getattr(read_settings(environment)[0], attribute) == 7
    environment[SAME[ours]] = "many"
    with pytest.raises(BadSettingsError, match=f"^{SAME[ours]}: "):
        read_settings(environment)


@pytest.mark.parametrize("name", NEEDS)
def test_a_setting_without_the_one_it_needs_is_refused(environment: MutableMapping[str, str], name: str) -> None:
    """Half of a pair does nothing, so it is refused, and the other half is named."""
    environment[name] = "1"
    with pytest.raises(BadSettingsError, match=rf"{name}: it has no effect without {NEEDS[name]}"):
        read_settings(environment)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LITELLM_LOG", "loud", "LITELLM_LOG: expected one of DEBUG"),
        ("DEBUG", "app:*", "DEBUG: Input should be a valid boolean"),
        ("PROMETHEUS_METRICS_PORT", "4000", "PROMETHEUS_METRICS_PORT: it is PORT too"),
        ("LIMIT_CONCURRENCY", "0", "LIMIT_CONCURRENCY: "),
    ],
)
def test_what_litellm_would_stumble_over_is_refused_in_a_sentence(
    environment: MutableMapping[str, str], name: str, value: str, sentence: str
) -> None:
    """A value that ends LiteLLM's own command with an error ends ours with the setting's name."""
    environment[name] = value
    with pytest.raises(BadSettingsError, match=sentence):
        read_settings(environment)


def test_the_jitter_goes_with_either_name_of_the_limit(environment: MutableMapping[str, str]) -> None:
    """The limit that the jitter belongs to may bear the gateway's own name."""
    environment["MAX_REQUESTS_BEFORE_RESTART_JITTER"] = "5"
    environment["ROUTEIQ_WORKER_MAX_REQUESTS"] = "100"
    assert read_settings(environment)[0].max_requests_jitter == 5


@pytest.mark.parametrize("text", ["-1", "0.5", "4.9", "nan", "soon"])
def test_a_hang_shorter_than_a_busy_loop_is_refused(environment: MutableMapping[str, str], text: str) -> None:
    """A worker tells every second that its loop turns; 0 means never to replace it."""
    for good, value in (("0", 0.0), ("5", 5.0), ("", 60.0)):
        environment["ROUTEIQ_WORKER_HANG_SECONDS"] = good
        assert read_settings(environment)[0].worker_hang == value
    environment["ROUTEIQ_WORKER_HANG_SECONDS"] = text
    with pytest.raises(BadSettingsError, match=r"^ROUTEIQ_WORKER_HANG_SECONDS: "):
        read_settings(environment)


def test_directories_of_secret_files(environment: MutableMapping[str, str], tmp_path: Path) -> None:
    """They are parted by colons, each counts once, and none lies on the volume."""
    environment["ROUTEIQ_VOLUME"] = str(tmp_path / "volume")
    assert read_settings(environment)[0].secret_directories == ()
    environment["ROUTEIQ_SECRETS_DIR"] = f"{tmp_path / 'one'}:{tmp_path / 'two'}:{tmp_path / 'one'}"
    assert read_settings(environment)[0].secret_directories == (tmp_path / "one", tmp_path / "two")
    environment["ROUTEIQ_SECRETS_DIR"] = str(tmp_path / "volume" / "secrets")
    with pytest.raises(BadSettingsError, match="ROUTEIQ_SECRETS_DIR: it lies in ROUTEIQ_VOLUME"):
        read_settings(environment)
