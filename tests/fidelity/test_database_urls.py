"""The URLs of LiteLLM's database, as LiteLLM's own command line completes them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.processes import clean_environment

URL = "postgresql://lite:secret@db.internal:6543/keys"
BEGIN = """
import contextlib, json, os, sys
import litellm.proxy.proxy_cli as cli
import litellm.proxy.proxy_server
import yaml

def settle(case):
    os.environ.update(case["settings"])
    with open(case["config"]) as file:
        general = yaml.safe_load(file)["general_settings"]
"""
STOCK = """
    import litellm_proxy_extras.prisma_toolchain as toolchain
    toolchain.prisma_cli_available = lambda: False  # the command ends there, with the URLs complete
    with contextlib.suppress(SystemExit):
        cli.run_server.main(["--config", case["config"], "--skip_server_startup"], standalone_mode=False)
"""
OURS = """
    from routeiq_gateway.litellm_edge.command_line.database_urls import complete_database_urls
    complete_database_urls(general)
"""
END = """
for name, case in json.load(sys.stdin).items():
    if (child := os.fork()) == 0:
        with contextlib.redirect_stdout(sys.stderr):
            settle(case)
        urls = ("DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA")
        print("RESULT " + json.dumps([name, {url: os.environ.get(url) for url in urls}]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
PARTS = {"DATABASE_HOST": "db", "DATABASE_USERNAME": "a@b", "DATABASE_PASSWORD": "p/w:#", "DATABASE_NAME": "keys"}
LIMITS = {
    "database_connection_pool_limit": 3,
    "database_connection_timeout": 7,
    "database_connect_timeout": 2,
    "database_socket_timeout": 9,
    "database_max_idle_connection_lifetime": 33,
    "database_statement_timeout": 1.5,
    "database_lock_timeout": 2,
    "database_disable_prepared_statements": "true",
    "database_extra_connection_params": {"application_name": "x"},
}


CASES: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "defaults": ({"DATABASE_URL": URL}, {}),
    "limits": (
        {"DATABASE_URL": f"{URL}?schema=x&options=-c%20lock_timeout%3D5", "DIRECT_URL": URL},
        LIMITS,
    ),
    "replica": ({"DATABASE_URL": URL, "DATABASE_URL_READ_REPLICA": f"{URL}?connection_limit=4"}, LIMITS),
    "parts": (PARTS | {"DATABASE_SCHEMA": "lite", "DATABASE_SSLMODE": "require"}, {}),
    "file": ({"DATABASE_URL": URL}, {"database_url": f"{URL}2"}),
    "reference": ({"OTHER": URL}, {"database_url": "os.environ/OTHER"}),
    "libpq": ({"DATABASE_URL": f"{URL}?sslmode=verify-full&sslrootcert=/ca.pem"}, {}),
    "pooler": ({"DATABASE_URL": URL, "DATABASE_DISABLE_PREPARED_STATEMENTS": "true"}, {}),
    "none": ({}, {}),
}
REPLICA = (PARTS | {"DATABASE_HOST_READ_REPLICA": "replica"}, {"database_connection_pool_limit": 3})
Urls = dict[str, str | None]


def results(program: str, folder: Path, cases: dict[str, Any]) -> dict[str, Urls]:
    """Return the URLs that a program leaves in the environment, for each case in a process of its own."""
    asked = {}
    for name, (settings, general) in cases.items():
        config = folder / f"{name}.yaml"
        config.write_text(yaml.safe_dump({"model_list": [], "general_settings": {"master_key": "sk-1", **general}}))
        asked[name] = {"settings": settings, "config": str(config)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", BEGIN + program + END],
        env=clean_environment(LITELLM_LOCAL_MODEL_COST_MAP="True", PYTHON_DOTENV_DISABLED="true"),
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = [line.partition("RESULT ")[2] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert len(lines) == len(cases), done.stderr
    return dict(json.loads(line) for line in lines)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Urls], dict[str, Urls]]:
    """What LiteLLM's command makes of every case, and what the gateway makes of it."""
    folder = tmp_path_factory.mktemp("configurations")
    return results(STOCK, folder, CASES), results(OURS, folder, CASES | {"parts of the replica": REPLICA})


@pytest.mark.parametrize("case", CASES)
def test_the_urls_are_those_of_the_command_line(both: tuple[dict[str, Urls], dict[str, Urls]], case: str) -> None:
    """Pool, time-outs and what else LiteLLM's command adds are the same, to the letter."""
    stock, ours = both
    assert ours[case] == stock[case]
    assert (stock[case]["DATABASE_URL"] is None) is (case == "none")


def test_the_read_replica_has_parts_too(both: tuple[dict[str, Urls], dict[str, Urls]]) -> None:
    """A host alone makes a replica of the writer's database, with the writer's pool."""
    found = both[1]["parts of the replica"]["DATABASE_URL_READ_REPLICA"]
    assert found is not None
    assert found.startswith("postgresql://a%40b:p%2Fw%3A%23@replica:5432/keys?")
    assert "connection_limit=3" in found
