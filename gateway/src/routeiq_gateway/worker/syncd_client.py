"""Asking syncd, over the UNIX socket on the volume that both share."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ASK_SECONDS = 2.0
POLL_SECONDS = 30.0
VIEW_SECONDS = 12.0


class SyncdDownError(Exception):
    """syncd does not answer."""


@dataclass(frozen=True)
class Syncd:
    """The syncd of this volume; ``view_seconds``: how long a view is waited for, longer than syncd's own limit."""

    volume: Path
    view_seconds: float = VIEW_SECONDS

    async def status(self) -> dict[str, Any]:
        """Return syncd's status; where it is down, its last known one with ``running: false``."""
        try:
            return await self._ask("GET", "/status", ASK_SECONDS)
        except SyncdDownError:
            return {**self._last_known(), "running": False}

    async def poll(self) -> dict[str, Any]:
        """Have syncd look at its source now, and return its status afterwards.

        Raises:
            SyncdDownError: it does not answer.
        """
        return await self._ask("POST", "/poll", POLL_SECONDS)

    async def view(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return what syncd answers to ``/fleet``, ``/history`` or ``/explain``, with its code.

        In single mode the first two are 404.

        Raises:
            SyncdDownError: it does not answer.
        """
        response = await self._request("GET", path, self.view_seconds)
        return response.status_code, _document(response)

    async def _ask(self, method: str, path: str, seconds: float) -> dict[str, Any]:
        response = await self._request(method, path, seconds)
        if response.is_error:
            raise SyncdDownError(f"syncd answers {response.status_code} to {path}")
        return _document(response)

    async def _request(self, method: str, path: str, seconds: float) -> httpx.Response:
        transport = httpx.AsyncHTTPTransport(uds=str(self.volume / "syncd.sock"))
        try:
            async with httpx.AsyncClient(transport=transport, timeout=seconds) as client:
                return await client.request(method, f"http://syncd{path}")
        except httpx.TimeoutException as error:
            told = f"syncd runs and has not answered for {seconds:g} s on {self.volume / 'syncd.sock'}"
            raise SyncdDownError(told) from error
        except httpx.HTTPError as error:
            raise SyncdDownError(f"syncd does not run: nobody answers on {self.volume / 'syncd.sock'}") from error

    def _last_known(self) -> dict[str, Any]:
        try:
            document = json.loads((self.volume / "status.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            document = None
        return document if isinstance(document, dict) else {"enabled": True, "leader_election": NEVER_SEEN}


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise SyncdDownError("syncd answers something other than a JSON object")
    return document


NEVER_SEEN = {
    "enabled": False,
    "is_leader": False,
    "holder_id": None,
    "lease_expires_at": None,
    "skipped_sync_count": 0,
}
