"""Where the scripts come from: LiteLLM's package as data, and an operator's folder."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.migrate import (
    BAD_SETTINGS,
    DONE,
    LATE,
    REFUSED,
    ledger,
    migrate,
)
from tests.support.postgres import PostgresServer
from tests.support.processes import clean_environment


def test_a_folder_without_a_script_is_refused(server: PostgresServer, late: str, tmp_path: Path) -> None:
    """Prisma's P3015."""
    (tmp_path / "migrations" / "20990101000000_empty").mkdir(parents=True)
    done = migrate("up", url=server.url(late), LITELLM_MIGRATION_DIR=str(tmp_path))
    assert done.returncode == REFUSED
    assert "20990101000000_empty" in done.stderr
    assert len(ledger(server, late)) == LATE


def test_the_package_of_migrations_is_never_run(server: PostgresServer, database: str) -> None:
    """LiteLLM and its extras are data here: neither is imported, whatever the command."""
    code = (
        "import sys, runpy\nsys.argv = ['routeiq-migrate', '{}']\n"
        "try:\n    runpy.run_module('routeiq_migrate', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code in (0, 1), end.code\n"
        "assert not [name for name in sys.modules if name.startswith('litellm')]\n"
    )
    for command in ("status", "plan", "up"):
        subprocess.run(
            [sys.executable, "-c", code.format(command)],
            env=clean_environment(DATABASE_URL=server.url(database)),
            check=True,
            capture_output=True,
            timeout=100,
        )


def test_litellm_and_extras_that_do_not_belong_together(server: PostgresServer, tmp_path: Path) -> None:
    """The installed LiteLLM asks for another release of the extras: exit 2, naming both."""
    metadata = tmp_path / "litellm-9.9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: litellm\nVersion: 9.9.9\n"
        'Requires-Dist: litellm-proxy-extras==0.0.1; extra == "proxy"\n'
    )
    done = migrate("up", url=server.url(), PYTHONPATH=str(tmp_path))
    assert done.returncode == BAD_SETTINGS
    assert "litellm 9.9.9" in done.stderr
    assert "litellm-proxy-extras 0.0.1" in done.stderr
    assert f"but {version('litellm-proxy-extras')} is installed" in done.stderr


@pytest.mark.parametrize("broken", ["gone", "empty", "without its folder"])
def test_a_package_that_is_missing_is_asked_for(
    server: PostgresServer, whole: str, tmp_path: Path, broken: str
) -> None:
    """LiteLLM's package of migrations is not there, or holds none: said so; with it in place ``up`` goes through."""
    if broken == "gone":
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['litellm_proxy_extras'] = None")
    else:
        package = tmp_path / "litellm_proxy_extras"
        (package / "migrations" if broken == "empty" else package).mkdir(parents=True)
        (package / "__init__.py").touch()
    done = migrate("up", url=server.url(whole), PYTHONPATH=str(tmp_path))
    assert done.returncode in (BAD_SETTINGS, REFUSED), done.stderr
    assert "Install it" in done.stderr
    assert "Traceback" not in done.stderr
    assert migrate("up", url=server.url(whole)).returncode == DONE
