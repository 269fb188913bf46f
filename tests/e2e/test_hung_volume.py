"""A volume whose file system answers no more, under a whole replica."""

import time
from pathlib import Path

import pytest

from tests.support.silent_disk import silent_disk
from tests.support.stack import stack_of_file


@pytest.mark.timeout(900)
def test_a_volume_that_hangs_is_never_silent(tmp_path: Path) -> None:
    """Requests go on, and the log tells who hangs; since that is not healed, the replica ends with status 70."""
    with stack_of_file(tmp_path) as running:
        gateway, volume = running.gateway, running.gateway.volume.root
        with silent_disk(volume):
            running.wait_for_log("a program hangs, and is killed")
            began = time.monotonic()
            while time.monotonic() < began + 30:
                assert gateway.chat() == "x"
                assert gateway.get("/llmrouter/config/sync/status").json()["running"] is False
            assert running.supervisord.wait_for_exit(seconds=600) == 70
        assert "it hung 5 times within 10 minutes" in running.supervisord.text()
