"""The JSON Schema of `config.yaml` is that of the installed LiteLLM, and fits what LiteLLM ships and what we refuse."""

import json
import runpy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.processes import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "docs/config.schema.json").read_text())
CHECK = jsonschema.Draft202012Validator(SCHEMA)
LITELLM = find_spec("litellm")
assert LITELLM is not None
assert LITELLM.origin is not None
EXAMPLES = sorted((Path(LITELLM.origin).parent / "proxy").rglob("*config*/**/*.yaml"))
REFUSED = {"langfuse_config.yaml": "a model without litellm_params, which no LiteLLM can serve"}


def test_the_schema_is_that_of_the_installed_litellm() -> None:
    """After a change of LiteLLM: `.venv/bin/python .ci/config_schema.py docs/config.schema.json`."""
    generator = runpy.run_path(str(REPOSITORY / ".ci/config_schema.py"))
    assert json.loads(json.dumps(generator["config_schema"]())) == SCHEMA


def test_there_are_examples() -> None:
    """LiteLLM ships configurations in its package."""
    assert len(EXAMPLES) > 15


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_what_litellm_ships_fits(example: Path) -> None:
    """No example of LiteLLM's is marked in an editor, but those that are really wrong."""
    problems = [error.message for error in CHECK.iter_errors(yaml.safe_load(example.read_text()))]
    assert bool(problems) is (example.name in REFUSED), problems


@pytest.mark.parametrize(
    "wrong",
    [
        {"model_list": [{"model_name": "x"}]},
        {"model_list": {"model_name": "x"}},
        {"router_settings": {"num_retries": "two"}},
        {"general_settings": []},
        {"general_settings": {"background_health_checks": {"yes": 1}}},
        {"include": [3]},
    ],
)
def test_what_is_wrong_is_marked(wrong: dict[str, Any]) -> None:
    """A value of another kind than LiteLLM takes is marked."""
    assert not CHECK.is_valid(wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"router_settings": {"num_retries": "os.environ/RETRIES"}},
        {"router_settings": {"num_retries": "2"}},
        {"general_settings": {"master_key": "os.environ/KEY", "of_tomorrow": 1}},
        {"model_list": [{"model_name": "x", "litellm_params": {"model": "openai/x", "own": True}}]},
        {"model_list": None},
    ],
)
def test_what_is_right_is_not_marked(right: dict[str, Any]) -> None:
    """References, numbers as texts, nothing, and names that the schema does not know are taken."""
    assert CHECK.is_valid(right)
