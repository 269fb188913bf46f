"""The `.env` that LiteLLM reads: read by the gateway first, and by LiteLLM's import no more."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gateway import config_with, gateway
from tests.support.processes import SCRIPTS, clean_environment

FILE = """# a comment
PLAIN=value
export EXPORTED='single quotes'
QUOTED="two\\nlines"
LONG="line one
line two"
INTERPOLATED=${PLAIN}/${SET}/${NOT_SET:-default}
EMPTY=
NAME_ONLY
SET=from the file
SET_TO_NOTHING=from the file
"""
PRINT = "import json, os; print('RESULT ' + json.dumps(dict(os.environ)))"
STOCK = f"import litellm.proxy.proxy_cli; {PRINT}"
OURS = f"from routeiq_gateway.litellm_edge.command_line.env_file import read_env_file; read_env_file(); {PRINT}"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder that holds LiteLLM, below a folder for a `.env`."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    folder = tmp_path / "checkout/lib"
    folder.mkdir(parents=True)
    (folder / "litellm").symlink_to(Path(spec.origin).parent)
    return folder


def environment_after(program: str, library: Path, **settings: str) -> dict[str, str]:
    """Return the environment that a program leaves, as a script: without a file LiteLLM would look elsewhere."""
    script = library / "program.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        env=clean_environment(
            PYTHONPATH=str(library),
            LITELLM_LOCAL_MODEL_COST_MAP="True",
            SET="from outside",
            SET_TO_NOTHING="",
            **settings,
        ),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout.partition("RESULT ")[2])
    return found


@pytest.mark.parametrize("mode", ["", "DEV", "PRODUCTION"])
def test_the_same_variables_are_read_as_by_litellm(library: Path, mode: str) -> None:
    """Every way to write a line gives what LiteLLM makes of it, and LITELLM_MODE decides whether the file is read."""
    (library.parent / ".env").write_text(FILE)
    settings = {"LITELLM_MODE": mode} if mode else {}
    ours, stock = (environment_after(program, library, **settings) for program in (OURS, STOCK))
    known = [line.removeprefix("export ").partition("=")[0] for line in FILE.splitlines()]
    assert {name: ours.get(name) for name in known} == {name: stock.get(name) for name in known}
    assert ("PLAIN" in ours) is (mode != "PRODUCTION")


def test_what_is_kept_from_litellm_does_not_come_back(tmp_path: Path, library: Path) -> None:
    """A database in `.env` stays away from LiteLLM where it is told to do without; all else in the file counts."""
    (library.parent / ".env").write_text(
        "DATABASE_URL=postgresql://u:p@127.0.0.1:1/d\nDATABASE_HOST=127.0.0.1\nDATABASE_USERNAME=u\nDATABASE_NAME=d\n"
        "ROUTEIQ_LITELLM_DATABASE=false\nNUM_WORKERS=1\nANSWER=here\nLITELLM_LOG=\nLITELLM_MASTER_KEY=sk-not-this-one\n"
    )
    with gateway(tmp_path, port=None, scripts=SCRIPTS, PYTHONPATH=str(library), ROUTEIQ_WORKERS="") as started:
        started.volume.put(config_with("here", extra="environment_variables: {X: os.environ/ANSWER}\n"))
        started.wait_ready()
        assert started.chat() == "here"
        assert len(started.workers()) == 1
        assert "LiteLLM runs without a database" in started.process.text()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, library: Path) -> None:
    """The gateway ends with 2 and the file's path, without a traceback."""
    (library.parent / ".env").write_bytes(b"A=\xff\xfe\n")
    with gateway(tmp_path, port=None, scripts=SCRIPTS, PYTHONPATH=str(library)) as started:
        assert started.process.wait_for_exit(seconds=60) == 2
        assert f"{library.parent / '.env'}: it is not UTF-8" in started.process.text()
        assert "Traceback" not in started.process.text()
