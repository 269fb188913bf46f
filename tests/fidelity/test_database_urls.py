"""The URLs of LiteLLM's database, as LiteLLM's own command line completes them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.processes import clean_environment

URL = "postgresql://lite:secret@db.internal:6543/keys"
STOCK = """
import json, os, sys
import litellm.proxy.proxy_cli as cli
import litellm_proxy_extras.prisma_toolchain as toolchain
toolchain.prisma_cli_available = lambda: False  # the command ends here, with the URLs complete
try:
    cli.run_server.main(["--config", sys.argv[1]], standalone_mode=False)
except SystemExit:
    pass
print("RESULT " + json.dumps({name: os.environ.get(name) for name in json.loads(sys.argv[2])}))
"""
OURS = """
import json, os, sys
import yaml
from routeiq_gateway.litellm_edge.command_line.database_urls import complete_database_urls
with open(sys.argv[1]) as file:
    complete_database_urls(yaml.safe_load(file)["general_settings"])
print("RESULT " + json.dumps({name: os.environ.get(name) for name in json.loads(sys.argv[2])}))
"""
URLS = ["DATABASE_URL", "DIRECT_URL", "DATABASE_URL_READ_REPLICA"]
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


def result_of(program: str, config: Path, settings: dict[str, str]) -> dict[str, str | None]:
    """Return the URLs in the environment that a program leaves."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(config), json.dumps(URLS)],
        env=clean_environment(LITELLM_LOCAL_MODEL_COST_MAP="True", PYTHON_DOTENV_DISABLED="true", **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "RESULT " in done.stdout, done.stderr
    found: dict[str, str | None] = json.loads(done.stdout.partition("RESULT ")[2])
    return found


@pytest.mark.parametrize(
    ("settings", "general"),
    [
        pytest.param({"DATABASE_URL": URL}, {}, id="defaults"),
        pytest.param(
            {"DATABASE_URL": f"{URL}?schema=x&options=-c%20lock_timeout%3D5", "DIRECT_URL": URL}, LIMITS, id="limits"
        ),
        pytest.param(
            {"DATABASE_URL": URL, "DATABASE_URL_READ_REPLICA": f"{URL}?connection_limit=4"}, LIMITS, id="replica"
        ),
        pytest.param(PARTS | {"DATABASE_SCHEMA": "lite", "DATABASE_SSLMODE": "require"}, {}, id="parts"),
        pytest.param({"DATABASE_URL": URL}, {"database_url": f"{URL}2"}, id="file"),
        pytest.param({"OTHER": URL}, {"database_url": "os.environ/OTHER"}, id="reference"),
        pytest.param({"DATABASE_URL": f"{URL}?sslmode=verify-full&sslrootcert=/ca.pem"}, {}, id="libpq"),
        pytest.param({"DATABASE_URL": URL, "DATABASE_DISABLE_PREPARED_STATEMENTS": "true"}, {}, id="pooler"),
        pytest.param({}, {}, id="none"),
    ],
)
def test_the_urls_are_those_of_the_command_line(
    tmp_path: Path, settings: dict[str, str], general: dict[str, object]
) -> None:
    """Pool, time-outs and what else LiteLLM's command adds are the same, to the letter."""
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"model_list": [], "general_settings": {"master_key": "sk-1234", **general}}))
    assert result_of(OURS, config, settings) == result_of(STOCK, config, settings)


def test_the_read_replica_has_parts_too(tmp_path: Path) -> None:
    """A host alone makes a replica of the writer's database, with the writer's pool."""
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"general_settings": {"database_connection_pool_limit": 3}}))
    found = result_of(OURS, config, PARTS | {"DATABASE_HOST_READ_REPLICA": "replica"})["DATABASE_URL_READ_REPLICA"]
    assert found is not None
    assert found.startswith("postgresql://a%40b:p%2Fw%3A%23@replica:5432/keys?")
    assert "connection_limit=3" in found
