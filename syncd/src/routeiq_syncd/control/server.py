"""HTTP: read-only on TCP, commands on the UNIX socket as well. One server for both."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.status.document import Json
from routeiq_syncd.status.explain import explain
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.status.snapshot import latest_error

# uvicorn imports watchfiles where it is installed, to reload code on changes, and that imports anyio: 1 MB for no use.
sys.modules.setdefault("watchfiles", None)  # type: ignore[arg-type] # Python's own way to say "not to be found"
import uvicorn  # noqa: E402 - see above

if cast("Any", sys.modules["watchfiles"]) is None:
    del sys.modules["watchfiles"]

from routeiq_syncd.control.connections import MOST_HEAD, Connection, Crowds  # noqa: E402 - it imports uvicorn

POLL_SECONDS = 100.0
STOP_SECONDS = 2

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Reply = tuple[int, Json]
Query = Mapping[str, str]
Questions = Mapping[str, Callable[[Query], Awaitable[Reply]]]
Commands = Mapping[str, Callable[[bytes], Awaitable[Reply]]]
MOST_BODY = 16 * 1024
"""Bytes of the largest body of a command."""
TOO_LARGE = f"the body is larger than {MOST_BODY} bytes"


class CannotListenError(Exception):
    """An address cannot be bound; the message is a sentence."""


@dataclass(frozen=True)
class App:
    """The ASGI application. Source: https://asgi.readthedocs.io/en/latest/specs/www.html.

    Attributes:
        turn_now: takes the turn that ``POST /poll`` asks for, and returns when it has ended.
        questions: what else can be asked over the control socket: path to the function that replies to a query.
        commands: what can be done over the control socket beside: path to the function that takes the body.
    """

    recorder: Recorder
    turn_now: Callable[[], Awaitable[None]]
    liveness: Liveness
    questions: Questions
    commands: Commands = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, body = await self._reply(scope, receive)
        payload = (json.dumps(body, ensure_ascii=False) + "\n").encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(payload)).encode()),
            (b"cache-control", b"no-store"),
        ]
        if status == 405:  # noqa: PLR2004 - method not allowed
            headers.append((b"allow", b"POST" if scope["path"] in {"/poll", *self.commands} else b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else payload})

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        reading = scope["method"] in {"GET", "HEAD"}
        match scope["path"]:
            case "/livez" if reading:
                late = self.liveness.late()
                return (503, {"live": False, "late": list(late)}) if late else (200, {"live": True})
            case "/readyz" if reading:
                return self._ready()
            case "/status" if reading:
                return 200, self.recorder.document()
            case "/explain" if reading:
                return 200, explain(self.recorder.document())
            case "/poll" if scope["method"] == "POST":
                return await self._poll(scope)
            case path if path in self.questions and reading:
                if not _over_the_socket(scope):
                    return 403, {"error": f"{path} is told over the control socket only"}
                return await self.questions[path](dict(parse_qsl(scope["query_string"].decode("latin-1"))))
            case path if path in self.commands and scope["method"] == "POST":
                if not _over_the_socket(scope):
                    return 403, {"error": "commands come over the control socket only"}
                body = await _body(receive)
                return (413, {"error": TOO_LARGE}) if body is None else await self.commands[path](body)
            case path if path in self.commands or path in self.questions:
                return 405, {"error": f"{path} does not take {scope['method']}"}
            case "/livez" | "/readyz" | "/status" | "/explain" | "/poll":
                return 405, {"error": f"{scope['path']} does not take {scope['method']}"}
            case _:
                return 404, {"error": "there are /livez, /readyz, /status and /explain, and on the socket POST /poll"}

    def _ready(self) -> Reply:
        snapshot = self.recorder.snapshot
        if snapshot.desired is not None:
            return 200, {"ready": True, "number": snapshot.desired.number, "digest": snapshot.desired.digest}
        error, refused = latest_error(snapshot), snapshot.refused
        reason = error.message if error else refused.reason if refused else "the first fetch has not ended yet"
        return 503, {"ready": False, "reason": f"No revision is on the volume: {reason}"}

    async def _poll(self, scope: Scope) -> Reply:
        if not _over_the_socket(scope):
            return 403, {"error": "commands come over the control socket only"}
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self.turn_now()
        except TimeoutError:
            return 504, {"error": f"the turn did not end within {POLL_SECONDS:g} s"}
        return 200, self.recorder.document()


async def _body(receive: Receive) -> bytes | None:
    """Read the body of a request, None where it is too large."""
    body = b""
    while len(body) <= MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body if len(body) <= MOST_BODY else None
    return None


def _over_the_socket(scope: Scope) -> bool:
    server = scope.get("server")
    # uvicorn gives (path, None) for a UNIX socket, and (host, port) for TCP.
    return server is not None and server[1] is None


class _Server(uvicorn.Server):
    """uvicorn's server without its handling of signals and its clock: `assembly.run` stops everything in one place."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """Wait for the cancellation. uvicorn's own loop looks ten times a second: most of the CPU of an idle syncd."""
        await asyncio.Event().wait()


async def serve(app: App, sockets: list[socket.socket]) -> None:
    """Serve until cancelled, then finish what is in flight for at most `STOP_SECONDS`."""
    server = _Server(
        uvicorn.Config(
            app,
            http=cast("type[asyncio.Protocol]", partial(Connection, Crowds())),
            h11_max_incomplete_event_size=MOST_HEAD,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # uvicorn's clock would keep it
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    try:
        await server.serve(sockets)
    finally:
        if server.started:
            await server.shutdown(sockets)


def listen(host: str, port: int, path: Path) -> list[socket.socket]:
    """Bind TCP at ``host:port`` and the UNIX socket at ``path``, mode 0660.

    The caller holds the volume's lock, so a socket that stands at ``path`` is a dead process's.

    Raises:
        CannotListenError: an address is taken, or is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind((host, port))
    except OSError as error:
        tcp.close()
        reason = f"SYNCD_ADDR {host}:{port} cannot be listened on: {error.strerror}; choose another address or port."
        raise CannotListenError(reason) from None
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)  # the socket must not exist with another mode, not even for a moment
    try:
        path.unlink(missing_ok=True)
        unix.bind(str(path))
    except OSError as error:
        tcp.close()
        unix.close()
        raise CannotListenError(f"The control socket {path} cannot be made: {error.strerror}.") from None
    finally:
        os.umask(before)
    return [tcp, unix]
