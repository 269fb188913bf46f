"""`routeiq-gateway validate` starts the real LiteLLM on a file, and serves nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import MASTER_KEY
from tests.support.processes import REPOSITORY, SCRIPTS, clean_environment, free_port

pytestmark = pytest.mark.timeout(240)

GOOD = """
include: [below/more.yaml]
model_list:
  - model_name: demo
    litellm_params: {model: openai/demo, api_key: os.environ/SOME_KEY, mock_response: x}
litellm_settings:
  callbacks: [hooks.audit]
"""
MORE = "router_settings:\n  num_retries: 1\n"
HOOKS = "from litellm.integrations.custom_logger import CustomLogger\naudit = CustomLogger()\n"
WRONG = """
include: [below/more.yaml]
model_list:
  - model_name: demo
    litellm_params: {model: openai/demo, api_key: os.environ/NOT_SET}
litellm_settings:
  callbacks:
    - nosuchcallback
"""
UNKNOWN = "model_list:\n  - {model_name: a, litellm_params: {model: nosuchprovider/x}}\n"
SECRET = "sk-not-to-be-shown-0123456789"


def validate(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command in ``folder``, and let it leave nothing in its temporary directory."""
    (folder / "tmp").mkdir(exist_ok=True)
    own = {"TMPDIR": str(folder / "tmp"), "ROUTEIQ_VOLUME": str(folder / "volume"), "LITELLM_MASTER_KEY": MASTER_KEY}
    ran = subprocess.run(
        [str(SCRIPTS / "routeiq-gateway"), "validate", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(**own | settings),
        timeout=200,
    )
    assert not list((folder / "tmp").iterdir())
    assert not (folder / "volume").exists()
    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a good configuration, its include and its module, and two that are refused."""
    (tmp_path / "below").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "below/more.yaml").write_text(MORE)
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "unknown.yaml").write_text(UNKNOWN)
    return tmp_path


def test_good_and_bad_are_told_apart_with_lines(folder: Path) -> None:
    """All problems of each file come at once, each with its line; includes and modules are taken from beside it."""
    ran = validate(folder, "--json", "good.yaml", "wrong.yaml", "unknown.yaml", SOME_KEY=SECRET)
    assert ran.returncode == 1, ran.stderr
    found = json.loads(ran.stdout)["findings"]
    places = [(one["level"], one["file"], one["line"]) for one in found]
    assert places == [("error", "wrong.yaml", 5), ("error", "wrong.yaml", 8), ("error", "unknown.yaml", 2)]
    assert "NOT_SET is not set" in found[0]["message"]
    assert "nosuchcallback" in found[1]["message"]
    assert "nosuchprovider" in found[2]["message"]
    assert SECRET not in ran.stdout + ran.stderr


def test_a_good_configuration_is_accepted_without_its_keys(folder: Path) -> None:
    """With placeholders a build needs no secret; a database that is named is left alone."""
    unreachable = f"postgresql://u:p@127.0.0.1:{free_port()}/d"
    ran = validate(folder, "--placeholders", "good.yaml", LITELLM_MASTER_KEY="", DATABASE_URL=unreachable)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "good.yaml: accepted, 0 errors, 0 warnings\n"


def test_an_included_file_is_named_where_it_is_wrong(folder: Path) -> None:
    """The place is the line of the file that the operator wrote."""
    (folder / "below/more.yaml").write_text("router_settings: {}\nlitellm_settings:\n  callbacks: [nosuchcallback]\n")
    (folder / "good.yaml").write_text(GOOD.partition("litellm_settings")[0])
    ran = validate(folder, "--sarif", "good.yaml", SOME_KEY="k")
    assert ran.returncode == 1, ran.stderr
    results = json.loads(ran.stdout)["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"] for result in results]
    assert ("below/more.yaml", 3) in [
        (p["artifactLocation"]["uri"], p.get("region", {}).get("startLine")) for p in places
    ]


@pytest.mark.parametrize("path", ["absent.yaml", "."])
def test_what_cannot_be_read_is_said(folder: Path, path: str) -> None:
    """One sentence names the path; LiteLLM is not even imported."""
    ran = validate(folder, path)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"routeiq-gateway: {path} cannot be read")


def test_the_default_configuration_of_the_image_is_accepted(folder: Path) -> None:
    """What we ship passes our own check."""
    ran = validate(folder, str(REPOSITORY / "docker/config.default.yaml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_secret_files_give_variables_to_a_validation_too(folder: Path) -> None:
    """A reference to one is accepted as the gateway accepts it; a broken one is told by its name, and ends with 2."""
    secrets = folder / "secret-files"
    secrets.mkdir()
    (secrets / "SOME_KEY").write_text(SECRET)
    ran = validate(folder, "good.yaml", ROUTEIQ_SECRETS_DIR=str(secrets))
    assert (ran.returncode, SECRET in ran.stdout + ran.stderr) == (0, False), ran.stdout + ran.stderr
    (secrets / "SOME_KEY").write_text("")
    ran = validate(folder, "good.yaml", ROUTEIQ_SECRETS_DIR=str(secrets))
    assert ran.returncode == 2
    assert "SOME_KEY: empty; write the value" in ran.stderr
