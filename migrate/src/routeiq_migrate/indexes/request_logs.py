"""Building the request-log indexes without holding writers back.

A plain table's index is built with CONCURRENTLY. A partitioned table refuses that, so it gets what PostgreSQL's
manual advises (5.12.2.2): an index on the parent only, one build a partition, and an ATTACH for each. Every step
looks before it acts: an interrupted run goes on where it stopped, and a second finds nothing to do.
"""

from dataclasses import dataclass

import asyncpg

from routeiq_migrate.database.blockers import Wait, Watch
from routeiq_migrate.database.catalogue import WRITERS_WAIT, index_is_valid, table_bytes, unhurried
from routeiq_migrate.database.locks import Locks
from routeiq_migrate.database.session import Database, identifier
from routeiq_migrate.indexes.request_log_list import REQUEST_LOG_INDEXES, RequestLogIndex
from routeiq_migrate.plan.needs import Need
from routeiq_migrate.rights.check import reason_with_grants
from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.pace import pause

ATTEMPTS = 10
"""How often a short statement is tried while open transactions keep its lock."""

KIND = """SELECT c.relkind = 'p' AS partitioned, pg_is_in_recovery() AS standby,
(SELECT count(*) FROM pg_attribute a
 WHERE a.attrelid = c.oid AND a.attname = ANY ($2::text[]) AND NOT a.attisdropped) AS columns
FROM pg_class c WHERE c.oid = to_regclass($1)"""

STATE = """SELECT x.indisvalid AS valid, t.relname AS table
FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid WHERE x.indexrelid = to_regclass($1)"""

CHILDREN = """SELECT child.relname AS name, n.nspname AS schema, child.relkind = 'p' AS partitioned
FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid JOIN pg_namespace n ON n.oid = child.relnamespace
WHERE i.inhparent = to_regclass($1) AND NOT EXISTS (
    SELECT FROM pg_inherits attached JOIN pg_index x ON x.indexrelid = attached.inhrelid
    WHERE attached.inhparent = to_regclass($2) AND x.indrelid = child.oid)
ORDER BY child.relname"""

EQUIVALENT = """SELECT i.relname FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am am ON am.oid = i.relam
WHERE x.indrelid = to_regclass($1) AND i.relname <> $2 AND am.amname = 'btree' AND x.indisvalid AND NOT x.indisunique
AND x.indexprs IS NULL AND x.indpred IS NULL AND x.indnkeyatts = x.indnatts
AND NOT EXISTS (SELECT FROM unnest(x.indoption::int2[]) o WHERE o <> 0)
AND NOT EXISTS (SELECT FROM unnest(x.indclass::oid[]) c JOIN pg_opclass oc ON oc.oid = c WHERE NOT oc.opcdefault)
AND NOT EXISTS (SELECT FROM unnest(x.indcollation::oid[]) WITH ORDINALITY c(coll, ord)
    JOIN unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, ord) ON k.ord = c.ord
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
    WHERE c.coll <> 0 AND c.coll <> a.attcollation)
AND (SELECT array_agg(a.attname::text ORDER BY k.ord) FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, ord)
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum) = $3::text[]
AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = x.indexrelid)
ORDER BY i.relname LIMIT 1"""


def request_log_tables() -> frozenset[str]:
    """Return the names of the tables that are indexed here."""
    return frozenset(index.table for index in REQUEST_LOG_INDEXES)


class Problem(Exception):  # noqa: N818 - collected, never the end of a run
    """Why an index could not be put in place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an index belongs: a table, or one of its partitions."""

    schema: str
    table: str
    index: str

    @property
    def table_name(self) -> str:
        """The table, qualified and quoted."""
        return f"{identifier(self.schema)}.{identifier(self.table)}"

    @property
    def index_name(self) -> str:
        """The index, qualified and quoted."""
        return f"{identifier(self.schema)}.{identifier(self.index)}"


@dataclass(frozen=True)
class RequestLogs:
    """Brings the request-log indexes of one database to what ``request_log_list`` names.

    Attributes:
        database: the session.
        locks: the locks of this run.
        large_bytes: the table size from which an index is built concurrently.
        log: where each build is reported.
    """

    database: Database
    locks: Locks
    large_bytes: int
    log: LazyLog

    async def ensure_all(self) -> list[str]:
        """Build what is missing or invalid; return what could not be built, and why.

        Raises:
            SessionLostError: the session has ended.
        """
        problems: list[str] = []
        for index in REQUEST_LOG_INDEXES:
            place = Place(self.database.target.schema, index.table, index.name)
            try:
                await self.ensure(index, place)
            except Problem as problem:
                problems.append(f"index {index.name}: {problem}")
            except asyncpg.PostgresError as error:
                problems.append(
                    f"index {index.name}: {await reason_with_grants(self.database, error, place.schema, place.table)}"
                )
        return problems

    async def ensure(self, index: RequestLogIndex, place: Place) -> None:
        """Put one index in place, on a plain table or on a partitioned one."""
        connection = self.database.connection
        kind = await connection.fetchrow(KIND, place.table_name, list(index.columns))
        # An older release's table has neither the columns nor a use for the index.
        if kind is None or kind["standby"] or kind["columns"] < len(index.columns):
            return
        if await self.state_of(place):
            return
        if self.database.pooled:
            await self.build_in_transaction(index, place, partitioned=kind["partitioned"])
        elif kind["partitioned"]:
            await self.ensure_partitioned(index, place)
        else:
            await self.ensure_leaf(index, place)

    async def state_of(self, place: Place) -> bool | None:
        """Return whether the index is valid; None where there is none.

        Raises:
            Problem: the name belongs to another table's index.
        """
        found = await self.database.connection.fetchrow(STATE, place.index_name)
        if found is None:
            return None
        if found["table"] != place.table:
            raise Problem(f"its name is taken by an index of {found['table']!r}; rename that one")
        return bool(found["valid"])

    async def build_in_transaction(self, index: RequestLogIndex, place: Place, *, partitioned: bool) -> None:
        """Build behind a transaction pooler, where no session lasts: on small plain tables only.

        Raises:
            Problem: the index cannot be built now; the message says why.
        """
        connection = self.database.connection
        async with self.locks.building(self.database):
            size = await table_bytes(self.database, place.table_name)
            if partitioned or size >= self.large_bytes:
                raise Problem("behind a transaction pooler it cannot be built without blocking writers; set DIRECT_URL")
            await connection.execute(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
            await connection.execute(f"DROP INDEX IF EXISTS {place.index_name}")
            if not await self.adopted(index, place):
                await connection.execute(create_index(index, place))

    async def ensure_leaf(self, index: RequestLogIndex, place: Place) -> None:
        """Build the index of a plain table or of a partition, one at a time among all migrators.

        Raises:
            Problem: the index cannot be built now; the message says why.
        """
        connection = self.database.connection
        async with self.locks.building(self.database), unhurried(connection):
            state = await self.state_of(place)
            if state:
                return
            if state is False:
                await connection.execute(f"DROP INDEX CONCURRENTLY {place.index_name}")
            elif await self.adopted(index, place):
                return
            if not await self.built_at_once(index, place):
                async with Watch(self.database, self.log, place.index).waiting():
                    await connection.execute(create_index(index, place, "CONCURRENTLY"))
            if not await self.state_of(place):
                raise Problem("the build left it invalid; run again")
        self.log.info("built an index", index=place.index, table=place.table)

    async def built_at_once(self, index: RequestLogIndex, place: Place) -> bool:
        """Build the index of a small table in a moment: a concurrent build waits for all transactions there are."""
        connection = self.database.connection
        if await table_bytes(self.database, place.table_name) >= self.large_bytes:
            return False
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
                await connection.execute(create_index(index, place))
        except asyncpg.LockNotAvailableError:
            return False
        return True

    async def adopted(self, index: RequestLogIndex, place: Place) -> bool:
        """Rename an index of the same definition, an operator's own for one, instead of building a second."""
        connection = self.database.connection
        name = await connection.fetchval(EQUIVALENT, place.table_name, place.index, list(index.columns))
        if name is None:
            return False
        await connection.execute(
            f"ALTER INDEX {identifier(place.schema)}.{identifier(name)} RENAME TO {identifier(place.index)}"
        )
        self.log.info("renamed an equivalent index", index=place.index, was=name, table=place.table)
        return True

    async def ensure_partitioned(self, index: RequestLogIndex, place: Place) -> None:
        """Build the index of a partitioned table: the parent's, each partition's, and the ties between them.

        Raises:
            Problem: the index cannot be built now; the message says why.
        """
        connection = self.database.connection
        if await self.state_of(place) is None:
            await self.briefly(
                f"CREATE INDEX IF NOT EXISTS {identifier(place.index)} ON ONLY {place.table_name} {index.definition}",
                index,
                place,
            )
        children = await connection.fetch(CHILDREN, place.table_name, place.index_name)
        for child in children:
            part = Place(child["schema"], child["name"], index.for_partition(child["name"]))
            if child["partitioned"]:
                await self.ensure_partitioned(index, part)
            elif not await self.state_of(part):
                await self.ensure_leaf(index, part)
            await self.briefly(f"ALTER INDEX {place.index_name} ATTACH PARTITION {part.index_name}")
        if not await self.state_of(place):
            raise Problem("some partitions are still without it; run again")

    async def briefly(
        self, statement: str, index: RequestLogIndex | None = None, adopt_at: Place | None = None
    ) -> None:
        """Run a statement that needs a lock writers would queue behind, waiting for that lock only a moment at a time.

        Raises:
            Problem: open transactions kept the lock through every attempt.
        """
        connection = self.database.connection
        watch = Watch(self.database, self.log, "the request-log indexes", request_log_tables)
        wait = Wait()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.locks.building(self.database), watch.waiting() as wait, connection.transaction():
                    await connection.execute(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
                    if index is None or adopt_at is None or not await self.adopted(index, adopt_at):
                        await connection.execute(statement)
                    return
            except asyncpg.LockNotAvailableError:
                longest = min(8.0, 0.25 * 2.0**attempt)
                if attempt == 1:
                    self.log.info("waiting for other sessions", migration=watch.what, whose=wait.whose)
                await pause(longest / 2, longest)
        raise Problem(f"open transactions hold its table: {wait.whose}; run again when they have ended")


async def needs_of_indexes(database: Database) -> frozenset[Need]:
    """Return the rights that the request-log indexes need that are not there, on tables that are."""
    found: set[Need] = set()
    for index in REQUEST_LOG_INDEXES:
        if await index_is_valid(database, index.name) is None:
            found |= {Need("relation", "OWNER", "", index.table)}
    return frozenset(found)


def create_index(index: RequestLogIndex, place: Place, how: str = "") -> str:
    """Return the statement that builds the index."""
    return f"CREATE INDEX {how} {identifier(place.index)} ON {place.table_name} {index.definition}"
