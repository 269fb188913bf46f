"""The client of the control socket."""

import http.client
import json
import socket
from pathlib import Path

from routeiq_syncd.core.status import Json

SECONDS = 5


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


def ask_status(path: Path) -> Json | None:
    """Ask the syncd behind the socket at ``path`` for its status; None where none answers."""
    connection = _Connection(path)
    try:
        connection.request("GET", "/status")
        return read_document(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def read_document(data: bytes) -> Json | None:
    """Parse a status document; None where it is not one."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
