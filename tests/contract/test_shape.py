"""``.ci/shape.py`` finds what no import contract sees: LiteLLM by a text, and a second reader of the environment."""

import runpy

import pytest

from tests.support.processes import REPOSITORY

SHAPE = runpy.run_path(str(REPOSITORY / ".ci" / "shape.py"))
SYNCD, MIGRATE = "syncd/src/routeiq_syncd/", "migrate/src/routeiq_migrate/"
GATEWAY = "gateway/src/routeiq_gateway/"
BY_A_TEXT, OF_LITELLM, ENVIRONMENT = "imports by a text", "names a module of LiteLLM", "reads the environment"


def problems(name: str, text: str) -> str:
    """Return what the check says of a module with this text."""
    return "\n".join(SHAPE["python_problems"](name, text))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (GATEWAY + "parent/loop.py", 'import_module(f"litellm.{name}")', OF_LITELLM),
        (GATEWAY + "parent/loop.py", 'import_module(f"{package}.proxy")', BY_A_TEXT),
        (GATEWAY + "parent/loop.py", '__import__("lite" + "llm")', BY_A_TEXT),
        (GATEWAY + "worker/worker.py", 'NAME = "litellm_enterprise"', OF_LITELLM),
        (GATEWAY + "worker/worker.py", 'NAME = "litellm_proxy_extras"', OF_LITELLM),
        (GATEWAY + "worker/worker.py", 'NAME = "fastapi.routing"', OF_LITELLM),
        (GATEWAY + "worker/worker.py", "import litellm_anything", OF_LITELLM),
        (GATEWAY + "worker/worker.py", "from importlib import import_module as load", BY_A_TEXT),
        (SYNCD + "status/server.py", 'import_module("litellm.proxy")', OF_LITELLM),
        (SYNCD + "revision/plan.py", 'importlib.import_module("routeiq_syncd.control.server")', BY_A_TEXT),
        (MIGRATE + "run.py", 'import_module("litellm.proxy")', OF_LITELLM),
        (MIGRATE + "scripts.py", 'import_module("litellm_proxy_extras")', OF_LITELLM),
        (MIGRATE + "scripts.py", "import litellm_proxy_extras", OF_LITELLM),
        (MIGRATE + "run.py", 'find_spec("litellm_proxy_extras")', OF_LITELLM),
        (SYNCD + "lease.py", "from os import environ", ENVIRONMENT),
        (SYNCD + "lease.py", "from os import getenv as get", ENVIRONMENT),
        (SYNCD + "lease.py", 'import os\nhome = os.environ["HOME"]', ENVIRONMENT),
        (SYNCD + "lease.py", 'vars(os)["environ"]', ENVIRONMENT),
        (SYNCD + "control/settings.py", "from os import environ", ENVIRONMENT),
    ],
)
def test_what_goes_around_the_import_contracts_is_found(name: str, text: str, problem: str) -> None:
    """An import by a text, a name of LiteLLM, an environment read elsewhere: each is named with its line."""
    assert problem in problems(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (MIGRATE + "scripts.py", 'find_spec("litellm_proxy_extras"), requires("litellm"), version("litellm")'),
        (GATEWAY + "litellm_edge/proxy.py", 'importlib.import_module("litellm.router")'),
        (GATEWAY + "configuration/overrides.py", 'SECTION = "litellm_settings"'),
        (GATEWAY + "configuration/redact.py", 'REFERENCE = "os.environ/"'),
        (SYNCD + "settings.py", "import os\nread(os.environ)"),
    ],
)
def test_what_a_place_may_do_passes(name: str, text: str) -> None:
    """The edge imports LiteLLM, migrate looks up where its files are, and a member's settings read the environment."""
    assert problems(name, text) == ""
