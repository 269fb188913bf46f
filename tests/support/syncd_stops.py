"""Run `routeiq-syncd run` in a process that stops itself after a step of its work, once.

Usage: syncd_stops.py STEP TRIGGER [late | unfenced]. It stops (SIGSTOP) after STEP when the file TRIGGER exists, which
it removes first. ``late``: a publish that it was in the middle of goes on though the term is found over meanwhile, and
what the database said is printed. ``unfenced``: the same without the fence, to show what the fence is for.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from routeiq_syncd.__main__ import main
from routeiq_syncd.database import statements
from routeiq_syncd.database.questions import Database

UNFENCED = """
INSERT INTO routeiq.revision (lock_name, holder_id, epoch, number, digest, manifest, payload, source, created_at, note)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8::jsonb, $9, $10) RETURNING number"""


def finish_what_was_begun() -> None:
    """Let a publish come to its end though its term has."""
    begun = Database.publish

    async def publish(self: Database, *arguments: Any, **named: Any) -> Any:
        return await asyncio.shield(asyncio.ensure_future(told(self, *arguments, **named)))

    async def told(self: Database, *arguments: Any, **named: Any) -> Any:
        outcome = await begun(self, *arguments, **named)
        sys.stdout.write(f"the publish was answered with {type(outcome).__name__}\n")
        return outcome

    setattr(Database, "publish", publish)  # noqa: B010 - mypy forbids the plain assignment


def run(fatal: str, trigger: Path, mode: str) -> int:
    """Run the command; see the module."""

    def checkpoint(step: str) -> None:
        if step == fatal and trigger.exists():
            trigger.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)

    if mode:
        finish_what_was_begun()
    if mode == "unfenced":
        vars(statements)["RECORD"] = UNFENCED
    return main(["run"], checkpoint=checkpoint)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], Path(sys.argv[2]), "".join(sys.argv[3:])))
