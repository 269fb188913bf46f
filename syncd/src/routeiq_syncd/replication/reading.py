"""Reading revisions out of the database: the row, opened and checked, or what it points to.

A revision that cannot be read is remembered with its reason, and read again rarely: a fleet without the key would
otherwise read the whole row at every look.
"""

from dataclasses import dataclass, field

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.rows import Stored
from routeiq_syncd.replication.pointed import PointedFetcher
from routeiq_syncd.revision.payload import Unreadable, unpack
from routeiq_syncd.revision.plan import Head
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.runtime.clocks import Clock
from routeiq_syncd.runtime.turns.pace import Retry
from routeiq_syncd.status.ownership import Ownership


@dataclass(frozen=True)
class Read:
    """A revision that was read: its row, and its files."""

    stored: Stored
    bundle: Bundle


@dataclass(eq=False)
class RevisionReader:
    """Reads one revision after another.

    Attributes:
        pointed: fetches what a revision points to.
        ownership: says which revisions this replica takes.
    """

    database: Database
    pointed: PointedFetcher
    ownership: Ownership
    clock: Clock
    _unread: dict[int, tuple[str, Retry]] = field(default_factory=dict, init=False)

    def forget(self) -> None:
        """Read again at once what could not be read."""
        self._unread.clear()

    async def read(self, revision: Head) -> Read | str | None:
        """Return a revision, the sentence why it cannot be read, or None while it is being fetched."""
        number = revision.number
        reason, retry = self._unread.get(number) or ("", Retry(self.clock))
        if not retry.due():
            return reason
        opened = await opened_row(self.database, revision, self.ownership)
        if isinstance(opened, Unreadable):
            retry.put_off()
            kept = dict(sorted(self._unread.items())[-MOST_REMEMBERED:])
            self._unread = {**kept, number: (opened.reason, retry)}
            return opened.reason
        self._unread.pop(number, None)
        if isinstance(opened, Read):
            content = self.pointed.content(opened.stored.manifest, opened.bundle)
            return Read(opened.stored, content) if isinstance(content, Bundle) else content
        pointer = opened.content
        if not isinstance(pointer, Pointer):
            return None
        content = self.pointed.content(opened.manifest, pointer)
        return Read(opened, content) if isinstance(content, Bundle) else content


MOST_REMEMBERED = 100  # revisions, as many as the database keeps


async def opened_row(database: Database, revision: Head, ownership: Ownership) -> Read | Stored | Unreadable:
    """Read the row of a revision: with its files, as a pointer to them, or why it cannot be read or is not taken.

    Raises:
        DatabaseAwayError: the database cannot be asked.
    """
    number = revision.number
    stored = await database.revision(number)
    if isinstance(stored, Unreadable):
        return stored
    if stored.manifest.digest != revision.digest:
        reason = f"The row of revision {number} in the database names a digest that its manifest does not; it waits."
        return Unreadable(reason, lost=True)
    if (foreign := ownership.refusal(stored.manifest)) is not None:
        return Unreadable(foreign, lost=True)
    if isinstance(stored.content, Pointer):
        return stored
    bundle = unpack(stored.content, stored.manifest)
    return bundle if isinstance(bundle, Unreadable) else Read(stored, bundle)
