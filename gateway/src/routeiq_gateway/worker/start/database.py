"""LiteLLM's database, as far as a worker has to know: whether it is there, and at the schema."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routeiq_gateway.litellm_edge.database import outages
from routeiq_gateway.runtime.scarcity import lacking
from routeiq_gateway.worker.start.refusal import StartRefusedError

CURRENT, UNREACHABLE = 0, 3
"""Exit codes of ``routeiq-migrate`` (`docs/migrations.md`)."""
COMMAND = Path(sys.executable).with_name("routeiq-migrate")
MARGIN = 6.0
"""Seconds before the limit on a start at which a worker asks for its database, so that it can still tell the answer."""
AWAY = "LiteLLM's database (DATABASE_URL) does not answer"


@dataclass(frozen=True)
class Database:
    """The database of this worker's LiteLLM; ``url`` is None where it has none."""

    url: str | None

    async def away(self, within: float = outages.PROBE_SECONDS) -> bool:
        """Whether there is a database and it does not answer within so many seconds."""
        return self.url is not None and not await outages.answers(self.url, within)

    async def check_schema(self) -> None:
        """Ask ``routeiq-migrate`` once. Where the database cannot be reached, LiteLLM is to say whether it starts.

        Raises:
            StartRefusedError: the database is behind, which passes, or cannot be asked.
        """
        if self.url is None:
            return
        try:
            asking = await asyncio.create_subprocess_exec(
                COMMAND,
                "wait",
                "--limit",
                "0",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError:
            raise StartRefusedError(
                f"ROUTEIQ_WAIT_FOR_SCHEMA is true, and there is no {COMMAND}: install routeiq-migrate beside the"
                " gateway, or set it to false"
            ) from None
        await asking.communicate()
        if asking.returncode not in {CURRENT, UNREACHABLE}:
            raise StartRefusedError(
                "waiting for the database to be at the schema that this release needs: `routeiq-migrate up` brings it"
                " there, and `routeiq-migrate status` says what is missing",
                passing=True,
            )

    async def wait_for_start(self, ended: asyncio.Event, limit: float) -> None:
        """Wait until LiteLLM's start has ended, and not so long for a database that the parent blames the revision.

        Args:
            ended: is set once LiteLLM's start has ended, well or badly.
            limit: seconds after which the parent gives the start up.

        Raises:
            StartRefusedError: LiteLLM waits for a database that does not answer.
        """
        margin = min(MARGIN, limit / 2)
        try:
            async with asyncio.timeout(limit - margin):
                await ended.wait()
        except TimeoutError:
            if await self.away(margin / 2):
                raise StartRefusedError(AWAY, passing=True) from None
            await ended.wait()

    async def refusal(self, error: BaseException | None, reason: str) -> StartRefusedError:
        """Return the refusal of a start that ``error`` has ended, for ``reason``."""
        if (lack := lacking(error)) is not None:
            return StartRefusedError(f"the system refuses what a start needs ({lack}): {reason}", passing=True)
        awaited = await outages.awaited(error, self.url)
        return StartRefusedError(f"waiting for {awaited}: {reason}" if awaited else reason, passing=bool(awaited))

    async def check_place(self, page: Mapping[str, Any], workers: int) -> None:
        """Check that no worker is replaced while the database is away.

        LiteLLM starts without it where it may (`allow_requests_on_db_unavailable`), and connects later. But a worker
        that serves has spend in memory, which it could not write as it drains, and knows keys that nobody else does.

        Args:
            page: what the shared page says.
            workers: how many workers the gateway is to have.

        Raises:
            StartRefusedError: the database is away, and no worker is missing.
        """
        ready = [worker for worker in page.get("workers", ()) if worker["state"] == "ready"]
        if len(ready) >= workers and await self.away():
            raise StartRefusedError(f"{AWAY}; the workers that serve go on", passing=True)
