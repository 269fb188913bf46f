"""The client of the control socket."""

import http.client
import json
import socket
from enum import Enum
from pathlib import Path

from routeiq_syncd.status.document import Json

SECONDS = 10.0


class Absent(Enum):
    """Why there is no answer."""

    DOWN = "nobody listens, or what answers is no syncd"
    SILENT = "somebody listens, and does not answer in time"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(path: Path, question: str = "/status", *, seconds: float = SECONDS) -> tuple[int, Json] | Absent:
    """GET ``question`` from the syncd behind the socket at ``path``; return code and document, or why there is none."""
    connection = _Connection(path, seconds)
    try:
        connection.request("GET", question)
        answer = connection.getresponse()
        document = read_document(answer.read())
    except TimeoutError:
        return Absent.SILENT
    except (OSError, http.client.HTTPException):
        return Absent.DOWN
    finally:
        connection.close()
    return Absent.DOWN if document is None else (answer.status, document)


def read_document(data: bytes) -> Json | None:
    """Parse a status document; None where it is not one."""
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
