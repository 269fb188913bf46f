"""Processes and servers that die at random points."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.migrate import COMMAND, DONE, fingerprint, is_current, ledger, migrate, shipped_scripts
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import Running, clean_environment, running
from tests.support.waiting import wait_for

TRIALS = 50
SERVER_TRIALS = 8
START = 170
"""Where the trials start: far enough back that a run is long, near enough that fifty of them are not."""


def truthful(server: PostgresServer, database: str) -> None:
    """Check that every row of the ledger is a success, and that there is none for a migration that is not there."""
    for line in ledger(server, database):
        name, _, finished, rolled_back, steps, logs = line.split("|")
        assert (finished, rolled_back, steps, logs) == ("t", "f", "1", "NULL"), name


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
        with running(
            [COMMAND, "up"], output=tmp_path / f"{trial}.log", environment=clean_environment(DATABASE_URL=url)
        ) as process:
            wait_until_applied(process, after)
            process.kill()
        truthful(server, name)
        stopped_at.append(len(ledger(server, name)))
        done = migrate("up", url=url)
        assert done.returncode == DONE, done.stderr
        truthful(server, name)
        assert [line.split("|")[0] for line in ledger(server, name)] == names
        expected = expected or fingerprint(server, name)
        assert fingerprint(server, name) == expected
        server.drop_database(name)
    # Most of them were in the middle of their work, or this shows nothing.
    assert sum(START < count < len(names) for count in stopped_at) > TRIALS // 2, stopped_at


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
            truthful(server, name)
            assert [line.split("|")[0] for line in ledger(server, name)] == names
            assert is_current(server, name)
            server.drop_database(name)
    assert interrupted > SERVER_TRIALS // 2
