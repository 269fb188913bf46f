"""What holds secrets back is complete: all that a message quotes of a configuration goes through one rule."""

import ast
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import litellm
import pytest
from litellm import Router
from litellm.proxy._types import ConfigGeneralSettings
from litellm.types.guardrails import LitellmParams
from litellm.types.router import LiteLLM_Params, ModelInfo

import routeiq_gateway.configuration.redact as of_gateway
import routeiq_migrate.runtime.known_secrets as of_migrate
from routeiq_gateway.configuration.harmless import is_name, shown_key
from routeiq_gateway.runtime.masked_output import MaskedOutput, mask_output
from routeiq_gateway.runtime.parser import Parser
from tests.support.processes import REPOSITORY

ROOMS = ("gateway/src/routeiq_gateway/configuration", "syncd/src/routeiq_syncd/configuration")
EDGE = "gateway/src/routeiq_gateway/litellm_edge"
START = "gateway/src/routeiq_gateway/worker/start"
OF_CONFIGURATIONS = ("callbacks.py", "checks.py", "proxy.py", "sections.py")
SHOWING = {"shown", "shown_key", "shown_text", "shown_path", "shown_query", "shown_host", "not_yaml", "unquoted"}
"""The functions of `harmless`, and what is made of them."""
JUDGED = {
    "references.py": {"shown", "where"},
    "loading.py": {"index", "mark.column + 1", "mark.line + 1", "name", "type(config).__name__", "where"},
    "overrides.py": {
        "', '.join((name.upper() for name in SECTIONS))",
        "'.'.join(override.path[:depth + 1])",
        "form",
        "mark.column + 1",
        "override.variable",
        "section",
        "section.upper()",
        "type(value).__name__",
        "variable",
        "where",
    },
    "naming.py": {"CONFIG", "directory", "message", "self.places[where]"},
    "failed_start.py": {
        "_import_hint(cause, module)",
        "_said(error)",
        "at",
        "beside",
        "error.code",
        "first_line(cause)",
        "instance",
        "module",
        "naming.clean(first_line(cause))",
        "naming.file",
        "said",
        "sentence(error)",
        "setting",
        "told",
        "type(error).__name__",
        "where",
    },
    "reasons.py": {
        "'.'.join(map(_step, item['loc'])) or 'the value'",
        "'; '.join(problems)",
        "error.title",
        "item['msg']",
        "lines[0]",
        "type(error).__name__",
    },
    "lines.py": {"at", "file", "key.start_mark.line + 1", "line", "name", "where"},
    "yaml_lines.py": {"DEPTH", "NODES", "UNFOLDED", "_bare(error)", "first[name]"},
    "rules.py": {"TYPE_NAMES[wanted]", "close[0]", "name", "shown"},
    "problem.py": {"len(texts) - SHOWN", "place", "self.file", "self.line", "self.message"},
    "modules.py": {"alias.name", "base"},
    "bundle.py": {
        "NAME_BYTES",
        "PATH_BYTES",
        "bounds.bundle_bytes",
        "bounds.files",
        "entry.path",
        "entry.sha256",
        "entry.size",
        "found",
        "hint",
        "len(bundle.entries)",
        "limit",
        "size",
        "total",
    },
    "fallbacks.py": {"alias", "name"},
    "includes.py": {"CONFIG", "MANIFEST"},
    "index.py": {"CONFIG", "FORMAT"},
    "names.py": {"CONFIG", "INDEX", "entry.size", "more", "own", "shown_name(above)", "shown_name(twin)", "size"},
    "callbacks.py": {
        "_unknown(callback)",
        "_why_not(callback)",
        "at",
        "close[0]",
        "first_line(error)",
        "hint",
        "module",
        "name",
        "place",
        "place if one else f'{place}[{at}]'",
        "shown",
    },
    "checks.py": {"more", "shown"},
    "proxy.py": {"_why_not(model)", "guards.index(name)", "places.index(model)"},
    "sections.py": {
        "', '.join(known)",
        "'nothing' if value is None else f'a {_kind(value)}'",
        "_expected(kind, value)",
        "_expected(kinds[name], value)",
        "_hint(name, annotations)",
        "_hint(str(kind), known)",
        "_kind(config[section])",
        "_kind(found)",
        "_kind(key)",
        "_kind(kind)",
        "_kind(model)",
        "_kind(models)",
        "_kind(on)",
        "_kind(value)",
        "at",
        "close[0]",
        "expected",
        "name",
        "name if name in annotations else shown_key(name)",
        "name[:LONGEST_NAME]",
        "section",
        "sentence",
        "shown",
        "wanted",
        "where",
    },
    "examination.py": {"response.status_code", "response.text", "sentence(error)", "type(error).__name__"},
    "database.py": {"AWAY", "COMMAND", "awaited", "lack", "reason"},
}
"""What else messages about a configuration quote, by module: each was judged to hold no value and no key of a file, but
what `shown_key` or `shown_text` gave, or what the worker takes secrets out of (texts of exceptions)."""


def modules() -> Iterator[Path]:
    """Yield the modules that speak of a configuration."""
    for room in ROOMS:
        yield from (REPOSITORY / room).rglob("*.py")
    yield from (REPOSITORY / EDGE / name for name in OF_CONFIGURATIONS)
    yield from (REPOSITORY / START).glob("*.py")


def quoted(module: Path) -> set[str]:
    """Return what the texts in ``module`` quote, but for what goes through the rule."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FormattedValue):
            value = node.value
            if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in SHOWING):
                found.add(ast.unparse(value))
    return found


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: f"{module.parts[-3]}-{module.name}")
def test_a_message_quotes_nothing_that_was_not_judged(module: Path) -> None:
    """A new value in a message goes through `shown_key` or `shown_text`, or is judged in the table above."""
    if module.name in {"harmless.py", "redact.py"}:
        return  # the rule itself, whose outcome the table of places tests
    assert quoted(module) <= JUDGED.get(module.name, set()), "pass it through configuration/harmless.py"


def test_the_table_has_nothing_that_is_gone() -> None:
    """What a module quotes no more is judged no more."""
    every: dict[str, set[str]] = {}
    for module in modules():
        every.setdefault(module.name, set()).update(quoted(module))
    assert {
        name: judged - every.get(name, set()) for name, judged in JUDGED.items() if judged - every.get(name, set())
    } == {}


def test_every_output_of_the_three_programs_is_masked_where_it_is_written() -> None:
    """Each program puts its mask before its streams at its start."""
    for member in ("gateway", "migrate", "syncd"):
        text = (REPOSITORY / member / "src" / f"routeiq_{member}" / "__main__.py").read_text()
        assert "    mask_output(" in text, member
        assert "argparse.ArgumentParser(" not in text, member


def test_every_key_of_litellm_is_shown() -> None:
    """An operator reads in the printed configuration each key that LiteLLM declares, whatever its value."""
    declared = {
        name
        for model in (LiteLLM_Params, ModelInfo, ConfigGeneralSettings, LitellmParams)
        for name in model.model_fields
    }
    declared |= set(Router.get_valid_args())
    assert [name for name in sorted(declared) if shown_key(name) != name] == []


def test_nearly_every_model_of_litellm_reads_as_a_name() -> None:
    """Few names of models look like keys."""
    models = list(litellm.model_cost)
    assert sum(map(is_name, models)) > 0.9 * len(models)


@pytest.mark.parametrize(
    "name",
    [
        "DATABASE_PASSWORD",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LITELLM_SALT_KEY",
        "JWT_OF_US",
        "LITELLM_MASTER_KEY",
        "ROUTEIQ_CONFIG_KEY",
        "SENTRY_DSN",
        "SLACK_WEBHOOK_URL",
        "PGPASSWORD",
        "AZURE_SAS",
        "BASIC_AUTH",
    ],
)
def test_members_agree_on_the_variables_that_hold_secrets(name: str) -> None:
    """The gateway, which asks more of a name, and the others."""
    assert of_gateway.is_secret_name(name)
    assert of_migrate.secrets_of_environment({name: "a-value-of-it"}) == {"a-value-of-it"}


@pytest.mark.parametrize(
    "name", ["PATH", "HOME", "PWD", "TIKTOKEN_CACHE_DIR", "SSL_KEYFILE_PATH", "HOSTNAME", "MAX_TOKENS"]
)
def test_members_agree_on_the_variables_that_hold_none(name: str) -> None:
    """Directories, files, counts."""
    assert not of_gateway.is_secret_name(name) or name in of_gateway.DIRECTORIES
    assert of_migrate.secrets_of_environment({name: "a-value-of-it"}) == frozenset()


def test_passwords_of_addresses_are_known_whatever_the_variable() -> None:
    """As they stand and decoded; a user is a token in addresses of HTTP alone."""
    found = of_migrate.secrets_of_environment(
        {"A": "postgresql://user:p%40ss-1234@h/db", "B": "https://tok-en-123@h", "C": "postgres://somebody@h/db"}
    )
    assert found == {"p%40ss-1234", "p@ss-1234", "tok-en-123"}


def test_a_masked_stream_masks_each_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes to standard output or error, to the object that stood there before the mask was known too."""
    below = {name: io.BytesIO() for name in ("stdout", "stderr")}
    streams = {name: io.TextIOWrapper(stream, encoding="utf-8", line_buffering=True) for name, stream in below.items()}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    mask_output(str.upper)
    bound = sys.stderr
    assert isinstance(bound, MaskedOutput)
    hide: Callable[[str], str] = lambda text: text.replace("secret-1", "***")  # noqa: E731 - a mask
    mask_output(hide)
    assert sys.stderr is bound
    assert bound.write("a secret-1\n") == len("a secret-1\n")
    print("the secret-1 of it")  # noqa: T201 - what is tested
    assert below["stderr"].getvalue() == b"a ***\n"
    assert below["stdout"].getvalue() == b"the *** of it\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sk-1a2b3c4d5e"], "invalid choice: *** (choose from"),
        (["go", "--limit", "sk-1a2b3c4d5e"], "invalid int value: ***"),
        (["go", "--token=sk-1a2b3c4d5e", "-x"], "unrecognized arguments: --token -x"),
        (["go", "it's sk-1a2b3c4d5e"], "unrecognized arguments: *** ***"),
        (["go", "--json=sk-1a2b3c4d5e"], "ignored explicit argument ***"),
    ],
)
def test_a_complaint_of_the_command_line_quotes_no_value(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options are named, values are not."""
    parser = Parser(prog="it")
    command = parser.add_subparsers(dest="command").add_parser("go")
    command.add_argument("--limit", type=int)
    command.add_argument("--json", action="store_true")
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    said = capsys.readouterr().err
    assert told in said
    assert "1a2b" not in said


@pytest.mark.parametrize("member", ["gateway", "migrate", "syncd"])
def test_a_mask_holds_nothing_back_where_python_is_told_not_to(member: str) -> None:
    """With PYTHONUNBUFFERED, as in a container, a line arrives although the process ends without a flush."""
    write = (
        f"import os, sys; from routeiq_{member}.runtime.masked_output import mask_output; mask_output(str);"
        " sys.stdout.write('line'); os._exit(0)"
    )
    ended = subprocess.run([sys.executable, "-u", "-c", write], capture_output=True, text=True, check=True)
    assert ended.stdout == "line"
