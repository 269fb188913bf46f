"""The client of the control socket."""

import http.client
import json
import socket
from pathlib import Path

from routeiq_syncd.core.status import Json

SECONDS = 10


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(str(self._path))


def ask(path: Path, question: str = "/status") -> tuple[int, Json] | None:
    """GET ``question`` from the syncd behind the socket at ``path``; code and document, None where none answers."""
    connection = _Connection(path)
    try:
        connection.request("GET", question)
        answer = connection.getresponse()
        document = read_document(answer.read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return None if document is None else (answer.status, document)


def read_document(data: bytes) -> Json | None:
    """Parse a status document; None where it is not one."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
