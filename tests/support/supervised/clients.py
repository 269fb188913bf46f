"""Clients of one replica, which ask without end and record how each request ended."""

import contextlib
import http.client
import itertools
import json
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.faults import digest_of
from tests.support.gateway import MASTER_KEY
from tests.support.request_history import Asked
from tests.support.supervised.replicas import configuration

PATIENCE = 120.0
"""Seconds that a client waits: longer than any fault, with the pauses between tries after it."""
THINKING = 0.3
PROBES = {"readiness": "/health/ready", "life": "/health/live"}
COMPLETIONS = {
    "completion": ("demo", False),
    "slow completion": ("slow", False),
    "stream": ("demo", True),
    "slow stream": ("slow", True),
}


class WrongAnswerError(Exception):
    """The answer is not what was asked for."""


@dataclass
class Client:
    """Asks the gateway at ``port`` from a thread of its own; ``fresh``: on a new connection each time.

    Attributes:
        replica: the replica's index, in what is noted.
        chunks: how many pieces a stream of the provider has.
        note: takes what happened.
    """

    replica: str
    port: int
    provider: str
    chunks: int
    note: Callable[[Asked], None]
    fresh: bool = False
    _connection: http.client.HTTPConnection | None = None
    _local: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Tell the client to ask no more."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the end of the last request."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        for what in itertools.cycle((*COMPLETIONS, *PROBES)):
            if self._stop.wait(THINKING):
                break
            began, problem, digest = time.monotonic(), "", ""
            self._local = 0
            try:
                digest = self._ask(what)
            except (OSError, http.client.HTTPException, WrongAnswerError, KeyError, ValueError) as error:
                problem = repr(error)
                self._close()
            self.note(Asked(self.replica, what, began, time.monotonic(), self._local, problem, digest))
            if self.fresh:
                self._close()
        self._close()

    def _ask(self, what: str) -> str:
        """Ask, and return the digest of what answered, where the answer tells.

        Raises:
            WrongAnswerError: the answer is not what was asked for.
        """
        connection = self._connected()
        if what in PROBES:
            connection.request("GET", PROBES[what])
            self._read(connection)
            return ""
        model, stream = COMPLETIONS[what]
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"Authorization": f"Bearer {MASTER_KEY}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        said = self._read(connection)
        answer = _streamed(said) if stream else json.loads(said)["choices"][0]["message"]["content"]
        if model == "demo":
            return digest_of(configuration(answer, self.provider))
        wanted = "".join(f"piece-{number} " for number in range(self.chunks)) if stream else "upstream"
        if answer != wanted:
            raise WrongAnswerError(f"{answer!r} in the place of {wanted!r}")
        return ""

    def _connected(self) -> http.client.HTTPConnection:
        """Return an open connection; one that the other side has closed is of no use, as any client finds."""
        old = self._connection
        if old is None or old.sock is None or select.select([old.sock], [], [], 0)[0]:
            self._close()
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            self._connection.connect()
        assert self._connection is not None
        self._local = self._connection.sock.getsockname()[1]
        return self._connection

    def _read(self, connection: http.client.HTTPConnection) -> bytes:
        response = connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise WrongAnswerError(f"{response.status} {body[:500]!r}")
        return body

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
        self._connection = None


def _streamed(body: bytes) -> str:
    """The text of a stream that came whole.

    Raises:
        WrongAnswerError: it lacks its end, or tells of an error.
    """
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    if not events or events[-1] != b"[DONE]":
        raise WrongAnswerError(f"a stream without its end: {body[-500:]!r}")
    pieces: list[dict[str, Any]] = [json.loads(event) for event in events[:-1]]
    if any("error" in piece for piece in pieces):
        raise WrongAnswerError(f"a stream with an error: {body[-500:]!r}")
    choices = [choice for piece in pieces for choice in piece["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)
