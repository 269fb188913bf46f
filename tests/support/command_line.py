"""What the command line of the installed LiteLLM reads: its options, and variables of the environment."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import clean_environment

PROGRAM = """
import json
from litellm.proxy.proxy_cli import run_server
from litellm.proxy.db.pgbouncer import PGBOUNCER_ENV_PREFIX, PgBouncerSettings
options = [[option.opts[0], option.envvar] for option in run_server.params if option.opts[0].startswith("-")]
pooler = [PGBOUNCER_ENV_PREFIX + name.upper() for name in PgBouncerSettings.model_fields]
print("RESULT " + json.dumps([options, pooler]))
"""
READING = ("proxy/proxy_cli.py", "proxy/db/db_url_settings.py", "proxy/db/token_auth.py")
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$")
READERS = {"getenv", "get", "Field", "AliasChoices", "get_secret", "environ"}


def options() -> tuple[dict[str, str | None], set[str]]:
    """Return each option with its variable or None, and the variables of LiteLLM's own PgBouncer."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        env=clean_environment(LITELLM_LOCAL_MODEL_COST_MAP="True", PYTHON_DOTENV_DISABLED="true"),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found, pooler = json.loads(done.stdout.partition("RESULT ")[2])
    return dict(found), set(pooler)


def variables() -> set[str]:
    """Return the variables that the modules of the command line read by name."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    trees = [ast.parse((Path(spec.origin).parent / name).read_text()) for name in READING]
    return {name for tree in trees for name in _read(tree)}


def _read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if called in READERS:
                inside: list[ast.AST] = [*node.args, *(keyword.value for keyword in node.keywords)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant() as value) if name.endswith("_ENV_VAR"):
                inside = [value]
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=key):
                inside = [key]
            case _:
                continue
        for below in inside:
            if isinstance(below, ast.Constant) and VARIABLE.match(str(below.value)):
                yield str(below.value)
