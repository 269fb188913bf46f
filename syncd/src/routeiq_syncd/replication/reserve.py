"""The reserve: the newest revision that the fleet has acked and this replica can open, on the volume beside `current`.

The link `acked` names it. The gateway falls back to it where it starts on a revision that it refuses, and
where the desired revision cannot be opened, `current` names it until a newer one can be had. So a revision that nobody
takes, or nobody can open, keeps no replica from starting.
"""

from dataclasses import dataclass
from functools import partial

from routeiq_syncd.database.questions import Database
from routeiq_syncd.replication.reading import Read, RevisionReader
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Head
from routeiq_syncd.runtime.turns.waiting import completed
from routeiq_syncd.volume.volume import ACKED, Volume


@dataclass(eq=False)
class Reserve:
    """Keeps the link `acked` of one volume."""

    database: Database
    volume: Volume
    reader: RevisionReader

    async def keep(self, newest: Head | None) -> Manifest | None:
        """Bring the newest acked revision to the volume; return what `acked` names then, None for nothing.

        Args:
            newest: the newest revision that was acked, None for none.

        Raises:
            DatabaseAwayError: the database cannot be asked.
            OSError: the volume cannot be used.
        """
        held = self.volume.linked(ACKED)
        if newest is None or (held is not None and (held.number, held.digest) == (newest.number, newest.digest)):
            return held
        laid = self.volume.tree(newest.number, newest.digest)
        if laid is not None and self.reader.ownership.refusal(laid) is None:
            return held if self.volume.point(ACKED, laid) else laid
        for revision in await self.database.acked():
            if held is not None and revision.number <= held.number:
                break
            read = await self.reader.read(revision)
            if isinstance(read, Read):
                manifest = (read.stored.manifest, read.stored.written)
                fault = await completed(partial(self.volume.materialise, read.bundle, *manifest, link=ACKED))
                return held if fault else manifest[0]
        return held
