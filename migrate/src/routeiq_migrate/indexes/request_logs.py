"""Building the request-log indexes without holding writers back.

A plain table's index is built with CONCURRENTLY. A partitioned table refuses that, so it gets what PostgreSQL's
manual advises (5.12.2.2): an index on the parent only, one build a partition, and an ATTACH for each. Every step
looks before it acts: an interrupted run goes on where it stopped, and a second finds nothing to do.
"""

import asyncio
import random
from dataclasses import dataclass

import asyncpg

from routeiq_migrate.apply.apply import TABLE_BYTES, WRITERS_WAIT
from routeiq_migrate.database.locks import LITELLM_LOCK, holding
from routeiq_migrate.database.session import LOST, identifier, primary
from routeiq_migrate.indexes.concurrent import unhurried
from routeiq_migrate.indexes.request_log_list import REQUEST_LOG_INDEXES, RequestLogIndex
from routeiq_migrate.job import Job

ATTEMPTS = 10

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


async def ensure_request_log_indexes(job: Job) -> list[str]:
    """Build what is missing or invalid; return what could not be built, and why.

    Raises:
        LOST: the connection to the server is gone.
    """
    problems: list[str] = []
    for index in REQUEST_LOG_INDEXES:
        place = Place(job.database.target.schema, index.table, index.name)
        try:
            await ensure(job, index, place)
        except LOST:
            raise
        except Problem as problem:
            problems.append(f"index {index.name}: {problem}")
        except asyncpg.PostgresError as error:
            problems.append(f"index {index.name}: {primary(error)}")
    return problems


async def ensure(job: Job, index: RequestLogIndex, place: Place) -> None:
    """Put one index in place, on a plain table or on a partitioned one."""
    connection = job.database.connection
    kind = await connection.fetchrow(KIND, place.table_name, list(index.columns))
    # An older release's table has neither the columns nor a use for the index.
    if kind is None or kind["standby"] or kind["columns"] < len(index.columns):
        return
    state = await state_of(job, place)
    if state:
        return
    if job.database.pooled:
        await build_in_transaction(job, index, place, partitioned=kind["partitioned"])
    elif kind["partitioned"]:
        await ensure_partitioned(job, index, place)
    else:
        await ensure_leaf(job, index, place)


async def state_of(job: Job, place: Place) -> bool | None:
    """Return whether the index is valid; None where there is none.

    Raises:
        Problem: the name belongs to another table's index.
    """
    found = await job.database.connection.fetchrow(STATE, place.index_name)
    if found is None:
        return None
    if found["table"] != place.table:
        raise Problem(f"its name is taken by an index of {found['table']!r}; rename that one")
    return bool(found["valid"])


async def build_in_transaction(job: Job, index: RequestLogIndex, place: Place, *, partitioned: bool) -> None:
    """Build behind a transaction pooler, where no session lasts: on small plain tables only.

    Raises:
        Problem: the index cannot be built now; the message says why.
    """
    connection = job.database.connection
    async with holding(job.database, (LITELLM_LOCK,), job.patience):
        size = await connection.fetchval(TABLE_BYTES, place.table_name)
        if partitioned or size >= job.large_bytes:
            raise Problem("behind a transaction pooler it cannot be built without blocking writers; set DIRECT_URL")
        await connection.execute(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
        await connection.execute(f"DROP INDEX IF EXISTS {place.index_name}")
        if not await adopted(job, index, place):
            await connection.execute(create_index(index, place))


async def ensure_leaf(job: Job, index: RequestLogIndex, place: Place) -> None:
    """Build the index of a plain table or of a partition, one at a time among all migrators.

    Raises:
        Problem: the index cannot be built now; the message says why.
    """
    connection = job.database.connection
    async with holding(job.database, (LITELLM_LOCK,), job.patience), unhurried(job):
        state = await state_of(job, place)
        if state:
            return
        if state is False:
            await connection.execute(f"DROP INDEX CONCURRENTLY {place.index_name}")
        elif await adopted(job, index, place):
            return
        if not await built_at_once(job, index, place):
            await connection.execute(create_index(index, place, "CONCURRENTLY"))
        if not await state_of(job, place):
            raise Problem("the build left it invalid; run again")
    job.log.info("built an index", index=place.index, table=place.table)


def create_index(index: RequestLogIndex, place: Place, how: str = "") -> str:
    """Return the statement that builds the index."""
    return f"CREATE INDEX {how} {identifier(place.index)} ON {place.table_name} {index.definition}"


async def built_at_once(job: Job, index: RequestLogIndex, place: Place) -> bool:
    """Build the index of a small table in a moment; the concurrent way waits for all transactions of the database."""
    connection = job.database.connection
    if await connection.fetchval(TABLE_BYTES, place.table_name) >= job.large_bytes:
        return False
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
            await connection.execute(create_index(index, place))
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def adopted(job: Job, index: RequestLogIndex, place: Place) -> bool:
    """Rename an index of the same definition, an operator's own for one, instead of building a second."""
    connection = job.database.connection
    name = await connection.fetchval(EQUIVALENT, place.table_name, place.index, list(index.columns))
    if name is None:
        return False
    await connection.execute(
        f"ALTER INDEX {identifier(place.schema)}.{identifier(name)} RENAME TO {identifier(place.index)}"
    )
    job.log.info("renamed an equivalent index", index=place.index, was=name, table=place.table)
    return True


async def ensure_partitioned(job: Job, index: RequestLogIndex, place: Place) -> None:
    """Build the index of a partitioned table: the parent's, each partition's, and the ties between them.

    Raises:
        Problem: the index cannot be built now; the message says why.
    """
    connection = job.database.connection
    if await state_of(job, place) is None:
        await briefly(
            job,
            f"CREATE INDEX IF NOT EXISTS {identifier(place.index)} ON ONLY {place.table_name} {index.definition}",
            index,
            place,
        )
    children = await connection.fetch(CHILDREN, place.table_name, place.index_name)
    for child in children:
        part = Place(child["schema"], child["name"], index.for_partition(child["name"]))
        if child["partitioned"]:
            await ensure_partitioned(job, index, part)
        elif not await state_of(job, part):
            await ensure_leaf(job, index, part)
        await briefly(job, f"ALTER INDEX {place.index_name} ATTACH PARTITION {part.index_name}")
    if not await state_of(job, place):
        raise Problem("some partitions are still without it; run again")


async def briefly(
    job: Job, statement: str, index: RequestLogIndex | None = None, adopt_at: Place | None = None
) -> None:
    """Run a statement that needs a lock writers would queue behind, waiting for that lock only a moment at a time.

    Raises:
        Problem: open transactions kept the lock through every attempt.
    """
    connection = job.database.connection
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with holding(job.database, (LITELLM_LOCK,), job.patience), connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
                if index is None or adopt_at is None or not await adopted(job, index, adopt_at):
                    await connection.execute(statement)
                return
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(min(8.0, 0.25 * 2.0**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
    raise Problem("open transactions hold its table; run again when they have ended")
