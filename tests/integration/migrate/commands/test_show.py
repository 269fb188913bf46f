"""``status`` and ``plan`` tell what ``up`` would do."""

import json

from tests.support.migrate import (
    migrate,
    own_names,
    shipped_scripts,
)
from tests.support.postgres import PostgresServer


def test_status_and_plan_follow_the_database(server: PostgresServer, database: str) -> None:
    """``status`` lists what is pending, exit 1, until ``up`` ran; ``plan`` agrees; neither changes anything."""
    url = server.url(database)
    behind = migrate("status", "--json", url=url)
    assert behind.returncode == 1
    pending = json.loads(behind.stdout)["pending"]
    assert pending == [script.name for script in shipped_scripts()] + own_names()
    plan = migrate("plan", url=url)
    assert plan.returncode == 0
    assert [line for line in plan.stdout.splitlines() if not line.startswith(" ")] == pending
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=database) == ["0"]
    assert migrate("up", url=url).returncode == 0
    current = migrate("status", "--json", url=url)
    assert current.returncode == 0
    assert json.loads(current.stdout) == {
        "current": True,
        "applied": len(pending),
        "pending": [],
        "ahead": [],
        "edited": [],
        "blocked": None,
    }
    assert migrate("plan", url=url).stdout == "nothing to do\n"
