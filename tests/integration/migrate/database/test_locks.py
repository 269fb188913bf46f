"""The locks of migrators: many at once, a blocked Prisma, a lock that is held (invariant 9: each migration once)."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from tests.support.migrate import (
    COMMAND,
    DONE,
    LATE,
    LOCK_TIMEOUT,
    is_current,
    ledger,
    migrate,
    own_names,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment
from tests.support.waiting import wait_for

ROUNDS = 20
AT_ONCE = 10


async def start(url: str, folder: Path, number: int) -> int:
    """Run one ``up`` with its output in a file; return its exit code."""
    with (folder / f"{number}.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            COMMAND, "up", env=clean_environment(DATABASE_URL=url), stdout=output, stderr=output
        )
        return await asyncio.wait_for(process.wait(), 100)


@pytest.mark.timeout(300)
def test_ten_at_once_apply_each_migration_once(server: PostgresServer, tmp_path: Path) -> None:
    """Ten processes, round after round: all succeed, and each migration has exactly one row.

    Every other round they find no database either, and race for that too.
    """

    async def round_of(number: int) -> None:
        name = f"crowd_{number}"
        if number % 2:
            await asyncio.to_thread(server.create_database, name)
        folder = tmp_path / name
        folder.mkdir()
        codes = await asyncio.gather(*(start(server.url(name), folder, i) for i in range(AT_ONCE)))
        logs = "".join(path.read_text() for path in folder.iterdir())
        assert codes == [DONE] * AT_ONCE, logs
        names = [line.split("|")[0] for line in ledger(server, name)]
        assert names == [script.name for script in shipped_scripts()]
        assert logs.count('"event": "applied"') == len(names) + len(own_names())
        server.drop_database(name)

    async def rounds() -> None:
        for number in range(ROUNDS):
            await round_of(number)

    asyncio.run(asyncio.wait_for(rounds(), 280))


def test_a_blocked_prisma_does_not_stop_an_index_build(
    server: PostgresServer, database: str, history: Callable[[int], str], tmp_path: Path
) -> None:
    """A session that blocks on Prisma's lock holds a snapshot; the concurrent build must not wait for it for ever.

    The table counts as large (from 0 MB), so its index is really built with CONCURRENTLY, while another session
    blocks in ``pg_advisory_lock(72707369)`` as ``prisma migrate deploy`` does.
    """
    first = next(i for i, s in enumerate(shipped_scripts()) if s.name.startswith("20260415120000_"))
    server.drop_database(database)
    server.create_database(database, template=history(first))
    url = server.url(database)

    async def scene() -> None:
        gate = await asyncpg.connect(url)
        prisma = await asyncpg.connect(url)
        # Somebody holds Prisma's lock, prisma blocks on it, our migrator polls: then the gate opens.
        await gate.execute("SELECT pg_advisory_lock(72707369)")
        blocked = asyncio.create_task(prisma.execute("SELECT pg_advisory_lock(72707369)"))
        environment = clean_environment(DATABASE_URL=url, ROUTEIQ_LARGE_TABLE_MB="0")
        with (tmp_path / "log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(COMMAND, "up", env=environment, stdout=output, stderr=output)
        async with asyncio.timeout(60):
            await asyncio.to_thread(
                wait_for, "the migrator to poll", lambda: "waiting for another" in (tmp_path / "log").read_text()
            )
            await gate.execute("SELECT pg_advisory_unlock(72707369)")
            await blocked
            # Prisma would find nothing to do that is not being done, and leave.
            blocked = asyncio.create_task(prisma.execute("SELECT pg_advisory_unlock(72707369)"))
            await blocked
            while process.returncode is None:
                blocked = asyncio.create_task(prisma.execute("SELECT pg_advisory_lock(72707369)"))
                await asyncio.wait({blocked, asyncio.ensure_future(process.wait())}, return_when="FIRST_COMPLETED")
                if blocked.done():
                    await prisma.execute("SELECT pg_advisory_unlock(72707369)")
        blocked.cancel()
        await gate.close()
        prisma.terminate()
        assert process.returncode == DONE, (tmp_path / "log").read_text()

    asyncio.run(scene())
    assert "building an index while writers go on" in (tmp_path / "log").read_text()
    assert is_current(server, database)


def test_stragglers_come_in_at_any_time(server: PostgresServer, database: str, tmp_path: Path) -> None:
    """Migrators that start at random moments of a run find either the lock taken or their work done."""

    async def scene() -> list[int]:
        async def later(number: int) -> int:
            await asyncio.sleep(random.uniform(0, 2))  # noqa: S311 - the spread is the test
            return await start(server.url(database), tmp_path, number)

        return list(await asyncio.gather(*(later(i) for i in range(8))))

    assert asyncio.run(scene()) == [DONE] * 8
    assert len(ledger(server, database)) == len(shipped_scripts())


def test_a_lock_held_by_another_is_waited_for_with_a_limit(server: PostgresServer, late: str) -> None:
    """Whoever holds LiteLLM's or Prisma's lock is waited for, and after the limit the exit code says so."""

    async def held(key: int) -> None:
        other = await asyncpg.connect(server.url(late))
        try:
            await other.execute(f"SELECT pg_advisory_lock({key})")
            done = await asyncio.to_thread(migrate, "up", url=server.url(late), LITELLM_MIGRATION_LOCK_TIMEOUT="0.5")
            assert done.returncode == LOCK_TIMEOUT
            assert "LITELLM_MIGRATION_LOCK_TIMEOUT" in done.stderr
        finally:
            await other.close()

    for key in (int.from_bytes(b"llm_mig2", "big"), 72707369):
        asyncio.run(held(key))
    assert len(ledger(server, late)) == LATE


def test_prismas_lock_can_be_disabled(server: PostgresServer, late: str) -> None:
    """``PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK`` means here what it means to Prisma."""

    async def held() -> None:
        other = await asyncpg.connect(server.url(late))
        try:
            await other.execute("SELECT pg_advisory_lock(72707369)")
            done = await asyncio.to_thread(
                migrate, "up", url=server.url(late), PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK="true"
            )
            assert done.returncode == DONE, done.stderr
        finally:
            await other.close()

    asyncio.run(held())
