"""Run `routeiq-syncd run` in a process that stops itself after a step of its work, once.

Usage: syncd_stops.py STEP TRIGGER [unfenced]. It stops (SIGSTOP) after STEP when the file TRIGGER exists, which it
removes first. ``unfenced`` takes the fence out of its publish, which then goes on when the term is over, to show what
the fence is for.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from routeiq_syncd import database
from routeiq_syncd.__main__ import main
from routeiq_syncd.database import Database

UNFENCED = """
INSERT INTO routeiq.revision (lock_name, holder_id, epoch, number, digest, manifest, payload, source, created_at, note)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8::jsonb, $9, $10) RETURNING number"""


def take_the_fence_out() -> None:
    """Let a publish be recorded whatever the lease row says, and come to its end though its term has."""
    fenced = Database.publish

    async def publish(self: Database, *arguments: Any, **named: Any) -> Any:
        return await asyncio.shield(asyncio.ensure_future(fenced(self, *arguments, **named)))

    vars(database)["RECORD"] = UNFENCED
    setattr(Database, "publish", publish)  # noqa: B010 - mypy forbids the plain assignment


def run(fatal: str, trigger: Path, *, fenced: bool) -> int:
    """Run the command; see the module."""

    def checkpoint(step: str) -> None:
        if step == fatal and trigger.exists():
            trigger.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)

    if not fenced:
        take_the_fence_out()
    return main(["run"], checkpoint=checkpoint)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2]), fenced="unfenced" not in sys.argv[3:]))
