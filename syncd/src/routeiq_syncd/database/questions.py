"""The questions that syncd asks PostgreSQL: the lease, the fenced publish, the desired revision, the replicas."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from routeiq_syncd.database import statements
from routeiq_syncd.database.rows import (
    ACKED,
    BEFORE,
    GRANT,
    LIVING,
    LOOK,
    LOOKED,
    NUMBER,
    POINTED,
    REVISION,
    STANDING,
    TIDY,
    FleetNeeds,
    Overtaken,
    ReplicaRow,
    Sight,
    Stored,
    checked,
)
from routeiq_syncd.database.seal import Ring, context_of
from routeiq_syncd.database.session import Session
from routeiq_syncd.history.standing import Standing, Waiting, read_pin, read_waiting, write_record
from routeiq_syncd.lease import EPOCH_GAP, Grant, Lease, Lost, Term, Timing
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.manifest import Manifest, Publisher, make_manifest, newer, read_manifest, write_manifest
from routeiq_syncd.revision.payload import Unreadable, pack
from routeiq_syncd.revision.plan import AHEAD, STUCK, Head
from routeiq_syncd.revision.pointer import Pointer, read_pointer, write_source

NO_KEYS = Ring()
KEEP_REVISIONS = 100
MOST_ACKED = 10  # revisions that are gone through for one that can be opened
KINDS = ("file", "s3", "gcs")  # sources that this release knows
SILENT_SECONDS = 600
LIVING_SECONDS = 30.0  # a replica writes its row three times in this span


class Database:
    """The questions of one fleet, asked through one session. Each raises `faults.DatabaseAwayError`.

    Attributes:
        session: the session.
        lock_name: the name of the fleet.
        channel: the channel of LISTEN on which the fleet's news comes.
        statement_milliseconds: how long one statement may take.
        guard_key: the first key of the advisory locks that guard the fleet's epochs.
    """

    def __init__(self, session: Session, lock_name: str, timing: Timing, ring: Ring = NO_KEYS) -> None:
        self.session = session
        self.lock_name = lock_name
        self._timing = timing
        self._ring = ring
        digest = hashlib.sha256(lock_name.encode()).digest()
        self.channel = f"routeiq_{digest.hex()[:16]}"
        self.statement_milliseconds = int(timing.statement * 1000)
        self.guard_key = int.from_bytes(digest[:4], "big", signed=True)

    async def look(self) -> Sight:
        """Read the lease and the desired revision in one statement."""
        async with self.session.use() as connection:
            row = checked(await connection.fetchrow(statements.LOOK, self.lock_name, self.guard_key), LOOK)
            for name, columns in LOOKED.items():
                if row[name] is not None:
                    checked(row, columns)
        held, number, server, by = row["holder_id"], row["number"], row["server"], row["granted_by"]
        void = bool(by and server and by != server)
        lease = None
        if held is not None:
            lease = Lease(held, row["epoch"], row["remaining"], row["expires_at"], row["guarded"], by, void)
        head = None if number is None else Head(number, row["digest"])
        acked = None if row["acked"] is None else Head(row["acked"], row["acked_digest"])
        return Sight(lease, head, server, row["barred"], acked, row["identity"] or "", standing_of(row))

    async def acquire(self, holder_id: str, deserted: int | None, known: int = 0) -> Grant | Lost:
        """Take the lease if it is expired, void, held by ``holder_id``, or of the epoch ``deserted`` and unguarded.

        Args:
            holder_id: the candidate.
            deserted: the epoch whose holder is dead, None for none.
            known: the highest epoch that was ever seen; the granted epoch is above it.
        """
        fields = (self._timing.lease, deserted or -1, self.guard_key, known, EPOCH_GAP)
        async with self.session.use() as connection:
            return _granted(await connection.fetchrow(statements.ACQUIRE, self.lock_name, holder_id, *fields))

    async def renew(self, term: Term) -> Grant | Lost:
        """Prolong a term that has not expired."""
        async with self.session.use() as connection:
            fields = (self.lock_name, term.holder_id, term.epoch, self._timing.lease)
            return _granted(await connection.fetchrow(statements.RENEW, *fields))

    async def release(self, term: Term) -> None:
        """Let a term expire at once and notify the fleet; do nothing where the term is over already."""
        async with self.session.use() as connection:
            await connection.fetch(statements.RELEASE, self.lock_name, term.holder_id, term.epoch, self.channel)

    async def publish(
        self,
        term: Term,
        fetched: Fetched,
        floor: int,
        checkpoint: Callable[[str], None],
        *,
        note: str = "",
        pointer: Pointer | None = None,
    ) -> Manifest | Lost | Overtaken:
        """Record a bundle as the next revision, if the term still holds, and notify the fleet.

        Args:
            term: the holder's term.
            fetched: the bundle and its version.
            floor: the number of the revision will be above this one.
            checkpoint: called inside the transaction, before the revision is recorded.
            note: a remark for the history.
            pointer: where the content is, which the row then does not hold.
        """
        payload = None
        if pointer is None:
            payload = self._ring.close(
                pack(fetched.bundle, fetched.origins), context_of(self.lock_name, fetched.bundle.digest)
            )
        source = write_source(vars(fetched.version), pointer)
        async with self.session.use(transaction=True) as connection:
            # A holder that is stopped inside this transaction would keep the row locked: the server ends its session.
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {self.statement_milliseconds}")
            await connection.fetchrow(statements.LOCK, self.lock_name)
            now = await connection.fetchrow(statements.STANDING, self.lock_name)
            if now is not None and standing_of(checked(now, STANDING)).holds_back(fetched.bundle.digest):
                return Overtaken()
            row = checked(await connection.fetchrow(statements.NUMBER, self.lock_name, floor), NUMBER)
            publisher = Publisher(term.holder_id, term.epoch)
            place = (fetched.version, publisher, row["at"])
            manifest = make_manifest(row["number"], fetched.bundle.entries, *place, origins=fetched.origins)
            checkpoint("inside the transaction")
            content = (write_manifest(manifest).decode(), payload)
            record = (self.lock_name, term.holder_id, term.epoch, manifest.number, manifest.digest, *content)
            recorded = await connection.fetchrow(statements.RECORD, *record, source, row["at"], note) is not None
            if recorded:
                # The notification says how many replicas hear it, so that they do not all look at once.
                await connection.execute(f"SELECT pg_notify('{self.channel}', 'published {row['replicas']}')")
        return manifest if recorded else Lost()

    async def wait(self, term: Term, waiting: Waiting | None) -> None:
        """Record which content of the source waits, None for none, where ``term`` holds."""
        fields = (self.lock_name, term.holder_id, term.epoch, write_record(waiting))
        async with self.session.use() as connection:
            await connection.execute(statements.WAIT, *fields)

    async def lift(self, term: Term, number: int) -> None:
        """Record that revision ``number`` passes over nothing any more, where ``term`` holds."""
        async with self.session.use() as connection:
            await connection.execute(statements.LIFT, self.lock_name, term.holder_id, term.epoch, number)

    async def revision(self, number: int) -> Stored | Unreadable:
        """Return revision ``number`` with its payload opened, or why it cannot be read."""
        async with self.session.use() as connection:
            found = await connection.fetchrow(statements.REVISION, self.lock_name, number)
            row = found and checked(found, REVISION)
            written = b"" if row is None else row["manifest"].encode()
        manifest = read_manifest(written)
        if row is None or manifest is None or manifest.number != number:
            reason = f"The manifest of revision {number} in the database cannot be read by this release."
            return Unreadable(reason, lost=not newer(written))
        if row["payload"] is None:
            pointer = read_pointer(row["source"])
            if pointer is None:
                reason = f"Revision {number} has no content in the database that this release can read; upgrade syncd."
                return Unreadable(reason, lost=manifest.source.kind in KINDS)
            return Stored(manifest, written, pointer)
        payload = self._ring.open(row["payload"], context_of(self.lock_name, manifest.digest), manifest)
        return payload if isinstance(payload, Unreadable) else Stored(manifest, written, payload)

    async def ack(self, revision: Head) -> None:
        """Record that a gateway serves a revision, unless that is known, or the database has no such revision."""
        async with self.session.use() as connection:
            await connection.execute(statements.ACK, self.lock_name, revision.number, revision.digest)

    async def acked(self) -> list[Head]:
        """Return the newest revisions that gateways of the fleet have acked, newest first."""
        async with self.session.use() as connection:
            rows = await connection.fetch(statements.ACKED, self.lock_name, MOST_ACKED)
            return [Head(**checked(row, ACKED)) for row in rows]

    async def pointer(self, number: int) -> Pointer | None:
        """Return the pointer of revision ``number``, None where the content is in the revision's row."""
        async with self.session.use() as connection:
            row = await connection.fetchrow(statements.POINTED, self.lock_name, number)
            source = None if row is None else checked(row, POINTED)["source"]
        return None if source is None else read_pointer(source)

    async def write_replica(self, replica_id: str, row: ReplicaRow) -> tuple[str, str]:
        """Write the row of the replica ``replica_id``; return the process that wrote it before, and its machine."""
        fields = (row.pod, row.versions, row.desired, row.serving, row.state, row.refused, row.reason, row.process)
        async with self.session.use() as connection:
            written = await connection.fetchrow(statements.WRITE_REPLICA, self.lock_name, replica_id, *fields)
            before = None if written is None else checked(written, BEFORE)
            if row.state == AHEAD:
                await connection.execute(f"SELECT pg_notify('{self.channel}', '{AHEAD}')")
        return (before["process"] or "", before["pod"] or "") if before is not None else ("", "")

    async def leave(self, replica_id: str, process: str) -> None:
        """Remove the row of the replica ``replica_id``, unless a process other than ``process`` writes it."""
        async with self.session.use() as connection:
            await connection.fetch(statements.LEAVE, self.lock_name, replica_id, process)

    async def others(self) -> int:
        """Return how many other replicas live, as their rows say."""
        async with self.session.use() as connection:
            row = checked(await connection.fetchrow(statements.LIVING, self.lock_name, LIVING_SECONDS), LIVING)
        return max(int(row["count"]) - 1, 0)

    async def tidy(self) -> FleetNeeds:
        """Remove old revisions and the rows of silent replicas; return what the other rows ask of the holder."""
        fields = (float(SILENT_SECONDS), KEEP_REVISIONS, AHEAD, STUCK)
        async with self.session.use() as connection:
            row = checked(await connection.fetchrow(statements.TIDY, self.lock_name, *fields), TIDY)
        return FleetNeeds(row["ahead"], row["stuck"])


def _granted(row: asyncpg.Record | None) -> Grant | Lost:
    return Lost() if row is None else Grant(**checked(row, GRANT))


def standing_of(row: Mapping[str, Any]) -> Standing:
    """Return what stands, of a row with the columns ``pin``, ``passes_over`` and ``waiting``."""
    return Standing(read_pin(row["pin"]), row["passes_over"], read_waiting(row["waiting"]))
