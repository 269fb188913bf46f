"""Settings that cannot work."""

import pytest

from routeiq_gateway.settings import BadSettingsError, read_settings


def test_a_volume_path_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A UNIX socket's path is short; the setting is named with the limit."""
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * 100)
    with pytest.raises(BadSettingsError, match=r"ROUTEIQ_VOLUME: .*longer than"):
        read_settings({})
