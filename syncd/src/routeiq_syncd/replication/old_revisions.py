"""Reading revisions that the fleet had: from this volume where they are on it, else from the database or the bucket."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.database import statements
from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import HISTORY, checked
from routeiq_syncd.replication.reading import Read, RevisionReader
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.plan import Head
from routeiq_syncd.runtime.turns.waiting import completed
from routeiq_syncd.volume.tree import bundle_of, trees
from routeiq_syncd.volume.volume import REVISIONS, Volume

FETCH_SECONDS = 4.0
AGAIN_SECONDS = 0.05
Reply = tuple[int, dict[str, object]]


@dataclass(eq=False)
class Recall:
    """Reads revisions for people, and for the holder before it goes back to one."""

    database: Database
    volume: Volume
    reader: RevisionReader

    async def bundle(self, revision: Head) -> Bundle | str:
        """Return the files of a revision, or the sentence why they cannot be had.

        Raises:
            DatabaseAwayError: the database cannot be asked.
        """
        found = await completed(lambda: self._laid(revision))
        if found is not None:
            return found
        self.reader.forget()
        loop = asyncio.get_running_loop()
        until = loop.time() + FETCH_SECONDS
        while True:
            read = await self.reader.read(revision)
            if isinstance(read, Read):
                return read.bundle
            if isinstance(read, str):
                return read
            if loop.time() > until:
                return f"Its content is still being fetched after {FETCH_SECONDS:g} s; ask again."
            await asyncio.sleep(AGAIN_SECONDS)

    def _laid(self, revision: Head) -> Bundle | None:
        """Return the content where a tree of this volume has it, whole."""
        revisions = self.volume.root / REVISIONS
        try:
            for manifest in trees(revisions):
                if (manifest.number, manifest.digest) == (revision.number, revision.digest):
                    return bundle_of(revisions / manifest.name, manifest)
        except OSError:
            return None  # the database has it as well
        return None

    async def content(self, number: int) -> tuple[dict[str, object], Bundle] | Reply:
        """Return what is known of a revision and its files, or the reply that says why they cannot be had."""
        try:
            async with self.database.session.use() as connection:
                kept = await connection.fetchrow(statements.DESCRIBED, self.database.lock_name, number)
                row = None if kept is None else checked(kept, HISTORY)
            if row is None:
                missing: Reply = (404, {"error": f"The history has no revision {number}; `history` lists what it has."})
                return missing
            found = await self.bundle(Head(row["number"], row["digest"]))
        except DatabaseAwayError as error:
            away: Reply = (503, {"error": str(error)})
            return away
        if isinstance(found, str):
            closed: Reply = (409, {"error": found})
            return closed
        return _described(row), found


def _described(row: Mapping[str, Any]) -> dict[str, object]:
    fields = dict(row)
    fields["source"] = json.loads(fields["source"])
    for name in ("created_at", "acked_at"):
        fields[name] = fields[name] and stamp(fields[name])
    return fields
