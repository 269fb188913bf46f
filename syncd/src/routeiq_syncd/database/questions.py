"""What syncd asks of PostgreSQL: the lease, the fenced publish, the desired revision, the replicas.

The tables belong to routeiq-migrate. Every statement names the lock, so that several fleets share a database. All
instants are the server's ``clock_timestamp()``; ours never enter a comparison.
"""

import hashlib
from collections.abc import Callable

from routeiq_syncd.database.seal import Ring, context_of
from routeiq_syncd.database.session import Session
from routeiq_syncd.lease import EPOCH_GAP, Grant, Lease, Lost, Term, Timing
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.manifest import Manifest, Publisher, make_manifest, read_manifest, write_manifest
from routeiq_syncd.revision.payload import pack
from routeiq_syncd.revision.plan import AHEAD, STUCK, Barred, Head
from routeiq_syncd.revision.pointer import Pointer, read_pointer, write_source

NO_KEYS = Ring()
KEEP_REVISIONS = 100
SILENT_SECONDS = 600
LIVING_SECONDS = 30.0  # three heartbeats


class Database:
    """The questions, asked through one session. Each raises `session.DatabaseAwayError`."""

    def __init__(self, session: Session, lock_name: str, timing: Timing, ring: Ring = NO_KEYS) -> None:
        self.session = session
        self.lock_name = lock_name
        self._timing = timing
        self._ring = ring
        digest = hashlib.sha256(lock_name.encode()).digest()
        self.channel = f"routeiq_{digest.hex()[:16]}"
        self.guard_key = int.from_bytes(digest[:4], "big", signed=True)

    async def look(self) -> Sight:
        """Read the lease and the desired revision in one go."""
        async with self.session.use() as connection:
            row = await connection.fetchrow(LOOK, self.lock_name, self.guard_key)
        assert row is not None  # noqa: S101 - the query has exactly one row
        held, number, server, by = row["holder_id"], row["number"], row["server"], row["granted_by"]
        void = bool(by and server and by != server)
        lease = held and Lease(held, row["epoch"], row["remaining"], row["expires_at"], row["guarded"], by, void)
        return Sight(lease, None if number is None else Head(number, row["digest"]), server, row["barred"])

    async def acquire(self, holder_id: str, deserted: int | None, known: int = 0) -> Grant | Lost:
        """Take the lease if it is expired, ours, void, or of the epoch ``deserted`` and unguarded still.

        Args:
            holder_id: who asks.
            deserted: the epoch whose holder is dead, None for none.
            known: the highest epoch that was ever seen; the next is above it.
        """
        fields = (self._timing.lease, deserted or -1, self.guard_key, known, EPOCH_GAP)
        async with self.session.use() as connection:
            row = await connection.fetchrow(ACQUIRE, self.lock_name, holder_id, *fields)
        return Lost() if row is None else Grant(row["epoch"], row["expires_at"])

    async def renew(self, term: Term) -> Grant | Lost:
        """Prolong a term that has not expired."""
        async with self.session.use() as connection:
            row = await connection.fetchrow(RENEW, self.lock_name, term.holder_id, term.epoch, self._timing.lease)
        return Lost() if row is None else Grant(row["epoch"], row["expires_at"])

    async def release(self, term: Term) -> None:
        """Let a term expire at once and tell the others; nothing where it is over already."""
        async with self.session.use() as connection:
            await connection.fetch(RELEASE, self.lock_name, term.holder_id, term.epoch, self.channel)

    async def publish(
        self,
        term: Term,
        fetched: Fetched,
        floor: int,
        checkpoint: Callable[[str], None],
        *,
        note: str = "",
        pointer: Pointer | None = None,
    ) -> Manifest | Lost:
        """Record a bundle as the next revision above ``floor``, if the term still holds; tell every replica.

        With a ``pointer`` the row names the content instead of holding it.
        """
        payload = None
        if pointer is None:
            payload = self._ring.close(pack(fetched.bundle), context_of(self.lock_name, fetched.bundle.digest))
        source = write_source(fetched.version, pointer)
        async with self.session.use(transaction=True) as connection:
            # A holder that is stopped in here would keep the row locked: the server ends its session instead.
            await connection.execute(
                f"SET LOCAL idle_in_transaction_session_timeout = {int(self._timing.statement * 1000)}"
            )
            await connection.fetchrow("SELECT FROM routeiq.lease WHERE name = $1 FOR UPDATE", self.lock_name)
            row = await connection.fetchrow(NUMBER, self.lock_name, floor)
            assert row is not None  # noqa: S101 - the query has exactly one row
            publisher = Publisher(term.holder_id, term.epoch)
            manifest = make_manifest(row["number"], fetched.bundle.entries, fetched.version, publisher, row["at"])
            checkpoint("inside the transaction")
            content = (write_manifest(manifest).decode(), payload)
            record = (self.lock_name, term.holder_id, term.epoch, manifest.number, manifest.digest, *content)
            recorded = await connection.fetchrow(RECORD, *record, source, row["at"], note) is not None
            if recorded:
                # How many hear it goes with it, so that they do not all look at once.
                await connection.execute(f"SELECT pg_notify('{self.channel}', 'published {row['replicas']}')")
        return manifest if recorded else Lost()

    async def revision(self, number: int) -> Stored | str:
        """Read a revision and open its payload; the sentence why that cannot be done."""
        query = "SELECT manifest, payload, source FROM routeiq.revision WHERE lock_name = $1 AND number = $2"
        async with self.session.use() as connection:
            row = await connection.fetchrow(query, self.lock_name, number)
        document = b"" if row is None else row["manifest"].encode()
        manifest = read_manifest(document)
        if row is None or manifest is None or manifest.number != number:
            return f"The manifest of revision {number} in the database cannot be read by this release."
        if row["payload"] is None:
            pointer = read_pointer(row["source"])
            told = f"Revision {number} has no content in the database that this release can read; upgrade syncd."
            return told if pointer is None else Stored(manifest, document, pointer)
        payload = self._ring.open(row["payload"], context_of(self.lock_name, manifest.digest), manifest)
        return payload if isinstance(payload, str) else Stored(manifest, document, payload)

    async def pointer(self, number: int) -> Pointer | None:
        """Where a revision's content is, None where that is in its row."""
        query = "SELECT source FROM routeiq.revision WHERE lock_name = $1 AND number = $2 AND payload IS NULL"
        async with self.session.use() as connection:
            source = await connection.fetchval(query, self.lock_name, number)
        return None if source is None else read_pointer(source)

    async def beat(self, replica_id: str, beat: Beat) -> None:
        """Write this replica's row."""
        fields = (beat.desired, beat.serving, beat.state, beat.refused, beat.reason)
        async with self.session.use() as connection:
            await connection.fetch(BEAT, self.lock_name, replica_id, beat.pod, beat.versions, *fields)
            if beat.state == AHEAD:
                await connection.execute(f"SELECT pg_notify('{self.channel}', '{AHEAD}')")

    async def leave(self, replica_id: str) -> None:
        """Remove this replica's row."""
        query = "DELETE FROM routeiq.replica WHERE lock_name = $1 AND replica_id = $2"
        async with self.session.use() as connection:
            await connection.fetch(query, self.lock_name, replica_id)

    async def others(self) -> int:
        """How many other replicas live, as their rows say."""
        async with self.session.use() as connection:
            living = await connection.fetchval(LIVING, self.lock_name, LIVING_SECONDS)
        return max(int(living) - 1, 0)

    async def tidy(self) -> Found:
        """Remove what is old, the holder's chore; return what the replicas' rows say."""
        async with self.session.use() as connection:
            row = await connection.fetchrow(TIDY, self.lock_name, float(SILENT_SECONDS), KEEP_REVISIONS, AHEAD, STUCK)
        assert row is not None  # noqa: S101 - the query has exactly one row
        return Found(row["ahead"], row["stuck"])
