"""The hook of pre-commit and the GitHub Action call commands that exist, as they are to be called."""

import re
import subprocess
from pathlib import Path

import yaml

from tests.support.processes import REPOSITORY, SCRIPTS

ACTION = REPOSITORY / ".github/actions/validate/action.yml"


def test_hooks_take_files_and_tell(tmp_path: Path) -> None:
    """Each hook's entry refuses a wrong configuration with status 1, and matches files of the usual name."""
    wrong = tmp_path / "config.yaml"
    wrong.write_text("model_list: 3\n")
    for hook in yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text()):
        program, *arguments = hook["entry"].split()
        assert re.search(hook["files"], "deploy/config.yaml")
        assert not re.search(hook["files"], "deploy/values.yaml")
        command = [str(SCRIPTS / program), *arguments, "--help"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert "PATH" in told
        if program == "routeiq-syncd":
            ran = subprocess.run([*command[:-1], str(wrong)], check=False, capture_output=True, text=True)
            assert ran.returncode == 1
            assert f"{wrong}:1" in ran.stdout


def test_the_action_calls_both_commands() -> None:
    """The steps are shell scripts that run the commands of this checkout; no step uses another action."""
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    assert all(step.keys() <= {"name", "shell", "run", "env"} for step in steps)
    script = "\n".join(step["run"] for step in steps)
    assert '"$bin/routeiq-syncd" validate $PATHS' in script
    assert '"$bin/routeiq-gateway" validate --placeholders $PATHS' in script
    assert "${{" not in script, "an expression in a script is code that the caller writes"
