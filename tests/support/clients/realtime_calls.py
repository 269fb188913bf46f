"""Calls over the realtime WebSocket."""

import json
from typing import Any

from websockets.sync.client import connect

from tests.support.clients.connections import PATIENCE, Connections
from tests.support.gateway import MASTER_KEY

TURNS = 3


def realtime(to: Connections) -> Any:
    """Open a session, have it answer, and close it."""
    url = f"{to.base.replace('http', 'ws', 1)}/v1/realtime?model=realtime"
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    with connect(url, additional_headers=headers, open_timeout=PATIENCE) as socket:
        heard = [json.loads(socket.recv(timeout=PATIENCE))]
        for _ in range(TURNS):
            socket.send(json.dumps({"type": "response.create"}))
            heard += [json.loads(socket.recv(timeout=PATIENCE)) for _ in range(2)]
        return heard


CALLS = {"realtime": realtime}
