"""The example configurations in LiteLLM's wheel: each is really started, and taken or refused as it should be."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import MASTER_KEY, Gateway, config_with, gateway
from tests.support.processes import free_port
from tests.support.stock import READY_SECONDS, stock
from tests.support.waiting import wait_for

SECTION = re.compile(r"^(model_list|guardrails|litellm_settings|general_settings|router_settings):", re.MULTILINE)
REFERENCE = re.compile(r"os\.environ/(\w+)")
REFUSED = {
    "disable_schema_update.yaml": "'gcs_bucket' cannot be used: ValueError: GCS Bucket logging is a premium feature",
    "langfuse_config.yaml": "KeyError: 'litellm_params'",
    "load_balancer.yaml": "model_list[3]: 'mistral-7b-instruct' (mistralai/mistral-7b-instruct) was not loaded",
    "reject_clientside_metadata_tags_config.yaml": "LiteLLM's Prisma client is not generated",
    "tool_permission_example.yaml": "litellm_settings.success_callback[0]: 'langfuse' cannot be used",
    "generic_guardrail_api/example_config.yaml": "argument after ** must be a mapping",
}
"""Examples that are refused, each with its reason."""
STOCK_STARTS = {
    "disable_schema_update.yaml": "its callback logs nothing: stock says so once in its log, and calls it never",
    "load_balancer.yaml": "stock drops a model, and answers requests for it with an error",
}
"""Refused examples on which stock starts all the same, each with what is lost there; the others end stock too."""
STOCK_ENDED = "Application startup failed"
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


def _variables() -> dict[str, Any]:
    """Return every variable that an example refers to."""
    names = {name for path in EXAMPLES.values() for name in REFERENCE.findall(_text(path))}
    return dict.fromkeys(names, "set") | {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "EXAMPLE_REDIS_HOST": "127.0.0.1",
        "EXAMPLE_REDIS_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that has every variable that an example refers to; at its Redis nobody listens."""
    variables = _variables()
    with gateway(tmp_path_factory.mktemp("gateway"), port=None, ROUTEIQ_WORKERS="1", **variables) as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        yield running


def test_the_examples_are_found() -> None:
    """The sweep finds the examples, and each refusal that is expected is one of them."""
    assert len(EXAMPLES) >= 30
    assert STOCK_STARTS.keys() <= REFUSED.keys() <= EXAMPLES.keys()


@pytest.mark.parametrize("name", REFUSED)
def test_stock_judges_a_refused_example_equally_or_the_table_says_why_not(tmp_path: Path, name: str) -> None:
    """Stock ends its start on what the gateway refuses; where it starts, the table has what would be lost."""
    with stock(tmp_path, _text(EXAMPLES[name]), **_variables()) as started:

        def judged() -> str:
            ended = started.process.process.poll() is not None or STOCK_ENDED in started.process.text()
            return "ended" if ended else "started" if started.ready() else ""

        found = wait_for(f"stock to judge {name}", judged, seconds=READY_SECONDS)
    assert found == ("started" if name in STOCK_STARTS else "ended")


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
