"""Modules of the operator's own, of a revision: what they find beside them, and what is said where they do not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import Gateway, config_with, gateway
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for

LOGGER = "from litellm.integrations.custom_logger import CustomLogger\n"
HANDLER = f"{LOGGER}class Handler(CustomLogger):\n    pass\nhandler = Handler()\n"
SOURCE = "/etc/routeiq/broken.yaml"


def _with(callback: str) -> str:
    return config_with("pong", extra=f"litellm_settings:\n  callbacks: [{callback}]\n")


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the module. In its working directory lies a module that a revision has under the same name."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "helper.py").write_text("raise RuntimeError('of the working directory')\n")
    (folder / "of_the_directory.py").write_text("x = 1\n")
    with gateway(folder, ROUTEIQ_WORKERS="1") as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        yield running


TAKEN: dict[str, tuple[str, dict[str, str]]] = {
    "a module beside it": ("cb.handler", {"cb.py": f"from helper import x\n{HANDLER}", "helper.py": "x = 1\n"}),
    "a package": (
        "hooks.cb.handler",
        {"hooks/__init__.py": "", "hooks/cb.py": f"from hooks.util import y\n{HANDLER}", "hooks/util.py": "y = 1\n"},
    ),
    "its own package": (
        "hooks.cb.handler",
        {"hooks/__init__.py": "", "hooks/cb.py": f"from .util import y\n{HANDLER}", "hooks/util.py": "y = 1\n"},
    ),
    "a directory without __init__": (
        "hooks.cb.handler",
        {"hooks/cb.py": f"from .util import y\n{HANDLER}", "hooks/util.py": "y = 1\n"},
    ),
    "the package itself": ("hooks.handler", {"hooks/__init__.py": HANDLER}),
    "data": (
        "cb.handler",
        {
            "cb.py": f"from pathlib import Path\n(Path(__file__).parent / 'deny.json').read_text()\n{HANDLER}",
            "deny.json": "",
        },
    ),
    "data by its real path": (
        "cb.handler",
        {
            "cb.py": f"from pathlib import Path\nPath(__file__).resolve().with_name('d.txt').read_text()\n{HANDLER}",
            "d.txt": "",
        },
    ),
    "the working directory, as stock does": ("cb.handler", {"cb.py": f"import of_the_directory\n{HANDLER}"}),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_module_finds_what_is_beside_it(judging: Gateway, name: str) -> None:
    """What stock serves from the configuration's directory is served from a revision."""
    callback, tree = TAKEN[name]
    judging.wait_serving(judging.volume.put(_with(callback), tree=tree))
    assert judging.chat() == "pong"


READS = "from pathlib import Path\nPath(__file__).with_name('deny.json').read_text()\n"
REFUSED: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "a helper that is missing": (
        "cb.handler",
        {"cb.py": f"\nfrom helped import x\n{HANDLER}"},
        ["cb.py:2: ModuleNotFoundError: No module named 'helped'; helped.py, or a package helped, is looked for"],
    ),
    "a helper of a helper": (
        "cb.handler",
        {"cb.py": "import one\n", "one.py": "\n\nimport two\n"},
        ["one.py:3: ModuleNotFoundError: No module named 'two'; two.py"],
    ),
    "data that is missing": (
        "cb.handler",
        {"cb.py": READS},
        ["cb.py:2: FileNotFoundError", "'deny.json'", "ROUTEIQ_CONFIG_FILES"],
    ),
    "a text that is no Python": ("cb.handler", {"cb.py": "x = 1\nx = (\n"}, ["cb.py:2: SyntaxError"]),
    "a module without the object": ("cb.handler", {"cb.py": "x = 1\n"}, ["'cb' has no attribute 'handler'"]),
    "an error of its own": ("cb.handler", {"cb.py": "\n\n1 / 0\n"}, ["cb.py:3: ZeroDivisionError"]),
    "no module": ("absent.handler", {}, ["No module named 'absent'; absent.py, or a package absent, is looked for"]),
    "a module that a package lacks": (
        "hooks.cb.handler",
        {"hooks/__init__.py": "", "hooks/cb.py": "from .absent import x\n"},
        ["hooks/cb.py:1: ModuleNotFoundError", "hooks/absent.py, or a package"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_module_misses_is_named(judging: Gateway, name: str) -> None:
    """The reason names the operator's file and its line, the setting, the module and what it misses, no other path."""
    callback, tree, told = REFUSED[name]
    reason = judging.wait_refused(judging.volume.put(_with(callback), tree=tree, source=SOURCE))
    assert reason.startswith("broken.yaml:5: litellm_settings.callbacks[0]: "), reason
    assert [part for part in (callback, *told) if part not in reason] == [], reason
    assert not any(part in reason for part in ("routeiq-gateway-", "revisions/", "config.yaml", "/etc/")), reason


WRITTEN: dict[str, tuple[str, dict[str, str], str]] = {
    "a setting": (
        "router_settings:\n  num_retries: two\n",
        {},
        "broken.yaml:5: router_settings.num_retries: expected a",
    ),
    "a model": (
        "  - {model_name: other,\n     litellm_params: {model: nobody/x}}\n",
        {},
        "broken.yaml:4: model_list[1]: 'other' (nobody/x) was not loaded",
    ),
    "a reference in an included file": (
        "include: [parts/more.yaml]\n",
        {"parts/more.yaml": "model_list:\n\n  - model_name: m\n    litellm_params: {api_key: os.environ/NONE}\n"},
        "parts/more.yaml:4: model_list[1].litellm_params.api_key: the environment variable NONE is not set",
    ),
    "a master key that is not there": (
        "environment_variables: {ONLY_HERE: sk-1234567890}\ngeneral_settings:\n  master_key: os.environ/ONLY_HERE\n",
        {},
        "broken.yaml:6: general_settings.master_key: LiteLLM refused it: UnsafeMasterKeyError",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_reason_names_the_file_as_it_was_written_and_the_line(judging: Gateway, name: str) -> None:
    """The file has the operator's name for it, wherever a worker loads it from."""
    extra, tree, told = WRITTEN[name]
    reason = judging.wait_refused(judging.volume.put(config_with("x", extra=extra), tree=tree, source=SOURCE))
    assert reason.startswith(told), reason


def test_a_warning_names_the_line(judging: Gateway) -> None:
    """A configuration that is taken with a doubt says where the doubt is."""
    extra = "router_settings:\n  alowed_fails: 3\n"
    judging.wait_serving(judging.volume.put(config_with("x", extra=extra), source="s3://bucket/prod/gateway.yaml"))
    (warning,) = judging.status()["gateway"]["warnings"]
    assert warning.startswith("gateway.yaml:5: router_settings.alowed_fails: LiteLLM knows no such setting")


def test_with_overrides_lines_are_those_of_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy with overrides applied has other lines than what the operator wrote."""
    settings: dict[str, Any] = {"LITELLM_GENERAL_SETTINGS__MAX_PARALLEL_REQUESTS": "10", "ROUTEIQ_WORKERS": "1"}
    with gateway(tmp_path_factory.mktemp("gateway"), **settings) as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        config = "\n\n" + config_with("x", extra="\nrouter_settings:\n\n  num_retries: two\n")
        reason = running.wait_refused(running.volume.put(config, source=SOURCE))
    assert reason.startswith("broken.yaml:9: router_settings.num_retries: "), reason


def test_what_syncd_draws_in_is_what_a_worker_finds(tmp_path: Path) -> None:
    """From the operator's directory to an answer: a helper, a package with data, and a file that a setting names.

    A helper that goes is a refusal that names it, and what was served goes on.
    """
    syncd = Syncd(tmp_path, {"LITELLM_CONFIG_PATH": str(tmp_path / "config/broken.yaml")})
    syncd.write("from helper import x\nimport pkg\n" + READS + HANDLER, "cb.py")
    syncd.write("x = 1\n", "helper.py")
    syncd.write("from pathlib import Path\nPath(__file__).with_name('words.json').read_text()\n", "pkg/__init__.py")
    syncd.write("", "pkg/words.json")
    syncd.write("", "deny.json")
    syncd.write(_with("cb.handler"), "broken.yaml")
    with syncd.run({"ROUTEIQ_CONFIG_FILES": "*.json"}), gateway(tmp_path, ROUTEIQ_WORKERS="1") as running:
        running.wait_ready()
        assert running.chat() == "pong"
        (tmp_path / "config/helper.py").unlink()
        refused = wait_for("the refusal", lambda: running.status()["refused"], seconds=60)
        assert refused["reason"].startswith("broken.yaml:5: litellm_settings.callbacks[0]: 'cb.handler' cannot be")
        assert "cb.py:1: ModuleNotFoundError: No module named 'helper'; helper.py" in refused["reason"]
        assert running.chat() == "pong"
