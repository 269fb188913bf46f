"""The example configurations in LiteLLM's wheel: each is really started, and taken or refused as it should be."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_with, gateway
from tests.support.processes import free_port
from tests.support.waiting import wait_for

SECTION = re.compile(r"^(model_list|guardrails|litellm_settings|general_settings|router_settings):", re.MULTILINE)
REFERENCE = re.compile(r"os\.environ/(\w+)")
REFUSED = {
    "disable_schema_update.yaml": "'gcs_bucket' cannot be used: ValueError: GCS Bucket logging is a premium feature",
    "langfuse_config.yaml": "KeyError: 'litellm_params'",
    "load_balancer.yaml": "model_list: 'mistral-7b-instruct' (mistralai/mistral-7b-instruct) was not loaded",
    "reject_clientside_metadata_tags_config.yaml": "Unable to find Prisma binaries",
    "tool_permission_example.yaml": "litellm_settings.success_callback[0]: 'langfuse' cannot be used",
    "generic_guardrail_api/example_config.yaml": "GuardrailItem() argument after ** must be a mapping",
}
"""Examples that are refused, each with its reason.

Stock starts on the one with a callback that needs a licence, and on those of which it drops a model: it fails requests,
or serves without that part. The others end its start too.
"""
OF_REDIS = {"enterprise_config.yaml", "otel_test_config.yaml"}
"""Examples whose cache is in Redis, and that leave its place to the environment."""
REDIS = '\nenvironment_variables: {REDIS_HOST: 127.0.0.1, REDIS_PORT: "1"}\n'


def _examples() -> dict[str, Path]:
    found = find_spec("litellm")
    assert found is not None
    (root,) = map(Path, found.submodule_search_locations or ())
    names = {
        path: path.name if path.parent.name in {"proxy", "example_config_yaml"} else f"{path.parent.name}/{path.name}"
        for path in sorted(root.rglob("*.yaml"))
        if SECTION.search(path.read_text())
    }
    return {name: path for path, name in names.items()}


def _text(path: Path) -> str:
    """Return the example; its Redis by names of our own, since LiteLLM asks at REDIS_HOST whatever is configured."""
    text = path.read_text().replace("os.environ/REDIS_", "os.environ/EXAMPLE_REDIS_")
    return text + REDIS if path.name in OF_REDIS else text


EXAMPLES = _examples()


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that has every variable that an example refers to; at its Redis nobody listens."""
    names = {name for path in EXAMPLES.values() for name in REFERENCE.findall(_text(path))}
    variables: dict[str, Any] = dict.fromkeys(names, "set") | {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "EXAMPLE_REDIS_HOST": "127.0.0.1",
        "EXAMPLE_REDIS_PORT": str(free_port()),
        "ROUTEIQ_WORKERS": "1",
    }
    with gateway(tmp_path_factory.mktemp("gateway"), port=None, **variables) as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        yield running


def test_the_examples_are_found() -> None:
    """The sweep finds the examples, and each refusal that is expected is one of them."""
    assert len(EXAMPLES) >= 30
    assert REFUSED.keys() <= EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_judged_as_it_works(judging: Gateway, name: str) -> None:
    """An example that stock serves whole is served; any other is refused for the reason in the table."""
    path = EXAMPLES[name]
    beside: dict[str, Any] = {f"{module.stem}__py": module.read_text() for module in path.parent.glob("*.py")}
    # The modules of LiteLLM's own packages are imported by their full names.
    digest = judging.volume.put(_text(path), **(beside if path.parent.name == "example_config_yaml" else {}))

    def verdict() -> str:
        answer = judging.volume.answer()
        if (answer.get("refused") or {}).get("digest") == digest:
            return str(answer["refused"]["reason"])
        served = (answer.get("serving") or {}).get("digest") == digest and answer["state"] == "serving"
        return "served" if served else ""

    assert REFUSED.get(name, "served") in wait_for(f"a verdict on {name}", verdict)
