"""Asking syncd, by HTTP over the UNIX socket on the volume that both share."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

Value = TypeVar("Value")
ASK_SECONDS = 2.0
POLL_SECONDS = 30.0
VIEW_SECONDS = 12.0
NEVER_SEEN = {
    "enabled": False,
    "is_leader": False,
    "holder_id": None,
    "lease_expires_at": None,
    "skipped_sync_count": 0,
}
"""The state of the leader election where no syncd has ever run on the volume."""


class SyncdDownError(Exception):
    """syncd does not answer."""


@dataclass(frozen=True)
class Syncd:
    """The syncd of this volume; ``view_seconds`` is how long to wait for a view, longer than syncd's own limit.

    The volume may hang, and requests go on: a thread touches it first.
    """

    volume: Path
    view_seconds: float = VIEW_SECONDS
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), init=False, compare=False)

    async def status(self) -> dict[str, Any]:
        """Return syncd's status; where syncd is down, its last known status with ``running: false``."""
        try:
            return await self._ask("GET", "/status", ASK_SECONDS)
        except SyncdDownError:
            pass
        try:
            return {**await self._on_volume(self._last_known), "running": False}
        except SyncdDownError:
            return {"enabled": True, "leader_election": NEVER_SEEN, "running": False}

    async def poll(self) -> dict[str, Any]:
        """Have syncd look at its source now, and return its status afterwards.

        Raises:
            SyncdDownError: syncd does not answer.
        """
        return await self._ask("POST", "/poll", POLL_SECONDS)

    async def view(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return the status code and the JSON of syncd's answer to ``/fleet``, ``/history``, ``/explain`` and others.

        In single mode syncd answers 404 to the first.

        Raises:
            SyncdDownError: syncd does not answer.
        """
        response = await self._request("GET", path, self.view_seconds)
        return response.status_code, _object(response)

    async def command(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Have syncd do what ``path`` says, such as ``/rollback``; return the status code and the JSON of its answer.

        Raises:
            SyncdDownError: syncd does not answer; it may have done it.
        """
        response = await self._request("POST", path, self.view_seconds, body)
        return response.status_code, _object(response)

    async def _ask(self, method: str, path: str, seconds: float) -> dict[str, Any]:
        response = await self._request(method, path, seconds)
        if response.is_error:
            raise SyncdDownError(f"syncd answers {response.status_code} to {path}")
        return _object(response)

    async def _request(self, method: str, path: str, seconds: float, body: bytes = b"") -> httpx.Response:
        path_of_socket = self.volume / "syncd.sock"
        await self._on_volume(path_of_socket.exists)
        transport = httpx.AsyncHTTPTransport(uds=str(path_of_socket))
        try:
            async with httpx.AsyncClient(transport=transport, timeout=seconds) as client:
                return await client.request(method, f"http://syncd{path}", content=body)
        except httpx.TimeoutException as error:
            reason = f"syncd runs and has not answered for {seconds:g} s on {self.volume / 'syncd.sock'}"
            raise SyncdDownError(reason) from error
        except httpx.HTTPError as error:
            raise SyncdDownError(f"syncd does not run: nobody answers on {self.volume / 'syncd.sock'}") from error

    async def _on_volume(self, work: Callable[[], Value]) -> Value:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise SyncdDownError(f"the volume {self.volume} does not answer") from error

    def _last_known(self) -> dict[str, Any]:
        try:
            status = json.loads((self.volume / "status.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            status = None
        return status if isinstance(status, dict) else {"enabled": True, "leader_election": NEVER_SEEN}


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise SyncdDownError("syncd answers something other than a JSON object")
    return answer
