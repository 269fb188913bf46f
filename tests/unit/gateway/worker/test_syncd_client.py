"""What the gateway says of a syncd that gives no answer."""

import asyncio
import socket
from pathlib import Path

import pytest

from routeiq_gateway.worker.syncd_client import Syncd, SyncdDownError


def test_a_silent_syncd_is_told_from_none(tmp_path: Path) -> None:
    """Nobody listens: it does not run. Somebody listens and does not answer: it runs."""
    syncd = Syncd(tmp_path, view_seconds=0.1)
    with pytest.raises(SyncdDownError, match="does not run"):
        asyncio.run(syncd.view("/fleet"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "syncd.sock"))
        listener.listen()
        with pytest.raises(SyncdDownError, match=r"runs and has not answered for 0\.1 s"):
            asyncio.run(syncd.view("/fleet"))
