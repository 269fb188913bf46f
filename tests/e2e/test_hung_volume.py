"""A volume whose file system answers no more, under a whole replica."""

import time
from pathlib import Path

import httpx
import pytest

from tests.support.silent_disk import silent_disk
from tests.support.stack import stack_of_file

HEALED = 90
"""Seconds within which the replica ends."""


@pytest.mark.timeout(300)
def test_a_volume_that_hangs_is_never_silent(tmp_path: Path) -> None:
    """Requests go on until the volume is given up, as the log tells; within 90 s the replica ends with status 70."""
    with stack_of_file(tmp_path) as running:
        gateway, volume = running.gateway, running.gateway.volume.root
        with silent_disk(volume):
            began = time.monotonic()
            while running.supervisord.process.poll() is None:
                assert time.monotonic() - began < HEALED
                try:
                    assert gateway.chat() == "x"
                except httpx.TransportError:
                    assert "the volume hangs" in running.supervisord.text()
            assert running.supervisord.wait_for_exit() == 70
        assert "the volume does not answer" in running.supervisord.text()
