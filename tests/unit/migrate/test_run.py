import subprocess
import sys

HEAVY = ("pglast", "structlog", "opentelemetry", "grpc", "rich", "pydantic")
"""Each costs as much time or memory as a run that finds nothing to do."""

LOADED = """
import sys
import routeiq_migrate.run
from routeiq_migrate.plan.migration import Ledgers, Row
from routeiq_migrate.scripts import Scripts, extras_folder, own_migrations, shipped_migrations

scripts = Scripts(shipped_migrations(extras_folder(), None), own_migrations())
rows = tuple(Row("1", script.name, script.checksum, True, False, 1, "") for script in scripts.shipped)
own = tuple((script.name, script.checksum) for script in scripts.own)
assert scripts.plan_or_refuse(Ledgers(rows, own, 9)).current
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_a_run_that_finds_nothing_to_do_loads_nothing_heavy() -> None:
    """All commands are imported and a plan is made for a database that is current, in a process of its own."""
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60)
    assert "asyncpg" in loaded.stdout.split()
    assert not set(HEAVY) & set(loaded.stdout.split())
