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


def ask(
    path: Path, question: str = "/status", *, seconds: float = SECONDS, body: Json | None = None
) -> tuple[int, Json] | Absent:
    """GET ``question`` from the syncd that listens on the UNIX socket at ``path``; each step may take ``seconds``.

    With a ``body``, POST it as JSON.

    Return HTTP's status code and the JSON object of the answer, or why there is no answer.
    """
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(seconds)
    try:
        connection.sock.connect(str(path))
        if body is None:
            connection.request("GET", question)
        else:
            connection.request("POST", question, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        found = parse_object(answer.read())
    except TimeoutError:
        return Absent.SILENT
    except (OSError, http.client.HTTPException):
        return Absent.DOWN
    finally:
        connection.close()
    return Absent.DOWN if found is None else (answer.status, found)


def parse_object(data: bytes) -> Json | None:
    """Parse a JSON object; None where ``data`` is none."""
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
