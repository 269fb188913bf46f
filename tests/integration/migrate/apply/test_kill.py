"""Processes and servers that die at random points (invariant 9: the ledger tells the truth)."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.migrate import COMMAND, DONE, fingerprint, ledger, migrate, shipped_scripts
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import Running, clean_environment, running
from tests.support.waiting import wait_for

TRIALS = 50
POOLED_TRIALS = 4
SERVER_TRIALS = 6
START = 170
"""Where the trials start: far enough back that a run is long, near enough that fifty of them are not."""


def truthful(server: PostgresServer, database: str) -> list[str]:
    """Check that every row of the ledger is a success; return the names in order."""
    rows = [line.split("|") for line in ledger(server, database)]
    for name, _, *rest in rows:
        assert rest == ["t", "f", "1", "NULL"], name
    return [row[0] for row in rows]


def applied(text: str) -> int:
    """Count the migrations that a log says were applied."""
    return len(re.findall('"event": "applied"', text))


def wait_until_applied(process: Running, count: int) -> None:
    """Wait until ``process`` has applied ``count`` migrations or is done."""

    def reached() -> bool:
        return applied(process.text()) >= count or process.process.poll() is not None

    wait_for("the moment to kill", reached, every=0.01)


@pytest.mark.timeout(300)
def test_kill_9_at_random_points_never_leaves_it_stuck(
    server: PostgresServer, history: Callable[[int], str], tmp_path: Path
) -> None:
    """Fifty processes are killed after a random number of migrations; the next ``up`` completes each time."""
    dice = random.Random(3)  # noqa: S311 - a reproducible spread
    template = history(START)
    names = [script.name for script in shipped_scripts()]
    expected = ""
    stopped_at = []
    for trial in range(TRIALS):
        name = f"kill_{trial}"
        server.create_database(name, template=template)
        url = server.url(name)
        after = dice.randrange(0, len(names) - START)
        # Every other one takes each table for a large one: some then die while an index is built concurrently.
        environment = clean_environment(DATABASE_URL=url, ROUTEIQ_LARGE_TABLE_MB="0" if trial % 2 else "64")
        with running([COMMAND, "up"], output=tmp_path / f"{trial}.log", environment=environment) as process:
            wait_until_applied(process, after)
            process.kill()
        stopped_at.append(len(truthful(server, name)))
        done = migrate("up", url=url)
        assert done.returncode == DONE, done.stderr
        assert truthful(server, name) == names
        found = fingerprint(server, name)
        expected = expected or found
        assert found == expected
        server.drop_database(name)
    # Most of them were in the middle of their work, or this shows nothing.
    assert sum(START < count < len(names) for count in stopped_at) > TRIALS // 2, stopped_at


def test_kill_9_behind_a_pooler_leaves_neither_lock_nor_half(
    server: PostgresServer, history: Callable[[int], str], tmp_path: Path
) -> None:
    """Through PgBouncer a killed run leaves nothing of itself, and the next one completes."""
    dice = random.Random(7)  # noqa: S311 - a reproducible spread
    with running_pgbouncer(server) as port:
        for trial in range(POOLED_TRIALS):
            name = f"pooled_kill_{trial}"
            url = server.create_database(name, template=history(START)).replace(f":{server.port}/", f":{port}/")
            environment = clean_environment(DATABASE_URL=url)
            with running([COMMAND, "up"], output=tmp_path / f"{trial}.log", environment=environment) as process:
                wait_until_applied(process, dice.randrange(1, 35))
                process.kill()
            done = migrate("up", url=url)
            assert done.returncode == DONE, done.stderr
            assert truthful(server, name) == [script.name for script in shipped_scripts()]
            server.drop_database(name)


@pytest.mark.timeout(300)
def test_the_server_is_killed_in_the_middle(tmp_path: Path) -> None:
    """PostgreSQL dies by SIGKILL and comes back: the running ``up`` connects anew and completes, ledger truthful."""
    dice = random.Random(5)  # noqa: S311 - a reproducible spread
    names = [script.name for script in shipped_scripts()]
    interrupted = 0
    with running_postgres() as server:
        for trial in range(SERVER_TRIALS):
            name = f"crash_{trial}"
            server.create_database(name)
            after = dice.randrange(1, 150)
            environment = clean_environment(DATABASE_URL=server.url(name))
            with running([COMMAND, "up"], output=tmp_path / f"{trial}.log", environment=environment) as process:
                wait_until_applied(process, after)
                server.kill()
                server.start()
                code = process.wait_for_exit(seconds=60)
                interrupted += "the session was lost" in process.text()
            assert code == DONE, process.text()
            assert truthful(server, name) == names
            server.drop_database(name)
    assert interrupted > SERVER_TRIALS // 2
