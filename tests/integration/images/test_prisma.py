"""A Job that calls Prisma as other LiteLLM images have it, with the image's `prisma` first on PATH."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import REPOSITORY, clean_environment

# As users were told to write it.
JOB = """
SCHEMA_PATH=$(python -c "import litellm; import os; print(os.path.join(os.path.dirname(litellm.__file__), \
'proxy', 'schema.prisma'))")
if [ -f "$SCHEMA_PATH" ]; then
  echo "Running migrations from $SCHEMA_PATH"
  prisma migrate deploy --schema="$SCHEMA_PATH"
else
  echo "Schema not found, skipping migrations"
fi
"""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """An empty server."""
    with running_postgres() as running:
        yield running


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return an environment with the image's `prisma` before the environment's own, without a bytecode cache."""
    (folder / "bin").symlink_to(REPOSITORY / "docker")
    variables = clean_environment(LITELLM_LOCAL_MODEL_COST_MAP="true", **settings)
    return variables | {"PATH": f"{folder}/bin:{variables['PATH']}"}


def test_the_job_brings_the_database_to_the_schema(server: PostgresServer, tmp_path: Path) -> None:
    """The script as printed migrates an empty database and says who did it; a second run finds nothing to do."""
    variables = environment(tmp_path, DATABASE_URL=server.url())
    for told in ("applied", "nothing to do"):
        ran = subprocess.run(["/bin/bash", "-c", JOB], check=False, capture_output=True, text=True, env=variables)
        assert ran.returncode == 0, ran.stderr
        assert "answered by 'routeiq-migrate up'" in ran.stderr
        assert "Running migrations from" in ran.stdout
        assert told in ran.stdout + ran.stderr
    waited = subprocess.run(["routeiq-migrate", "wait"], check=False, env=variables, timeout=30)
    assert waited.returncode == 0


def test_a_job_that_cannot_migrate_fails(tmp_path: Path) -> None:
    """The status of the Job is the status of the migration."""
    variables = environment(tmp_path, DATABASE_URL="mysql://nobody@127.0.0.1:1/none")
    ran = subprocess.run(["/bin/bash", "-c", JOB], check=False, capture_output=True, text=True, env=variables)
    assert ran.returncode != 0


def test_other_commands_go_to_prisma(tmp_path: Path) -> None:
    """What is not a deployment of migrations is the environment's own Prisma's; without one, a sentence says so."""
    variables = environment(tmp_path)
    (tmp_path / "own").mkdir()
    own = tmp_path / "own/prisma"
    own.write_text('#!/bin/sh\necho "own prisma: $*"\n')
    own.chmod(0o755)
    variables["PATH"] = f"{tmp_path}/bin:{tmp_path}/own:/usr/bin:/bin"
    found = str(tmp_path / "bin/prisma")
    ran = subprocess.run(
        [found, "generate", "--schema", "x"], check=False, capture_output=True, text=True, env=variables
    )
    assert ran.stdout == "own prisma: generate --schema x\n"
    variables["PATH"] = f"{tmp_path}/bin:/usr/bin:/bin"
    ran = subprocess.run([found, "generate"], check=False, capture_output=True, text=True, env=variables)
    assert ran.returncode == 127
    assert "'migrate deploy' is the only command that works here" in ran.stderr
