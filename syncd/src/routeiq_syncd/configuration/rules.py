"""Whether LiteLLM can use a configuration, judged by its structure; the gateway finds out what needs LiteLLM itself.

Two rules bind: all problems come at once, each with its line; and nothing is refused that LiteLLM takes and uses. Where
this module cannot know, because models may come from a database for instance, it warns.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import CONFIG, Bundle
from routeiq_syncd.configuration.fallbacks import fallback_problems
from routeiq_syncd.configuration.harmless import REFERENCE, is_variable, shown_key
from routeiq_syncd.configuration.includes import documents_in_order, strings_with_path
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import Parsed, YamlDocument

# Every top-level section that LiteLLM's proxy reads, with the type it must have there (null is an absent section).
SECTIONS: Mapping[str, type[dict[object, object]] | type[list[object]]] = {
    "agent_list": list,
    "agents": list,
    "assistant_settings": dict,
    "callback_settings": dict,
    "credential_list": list,
    "default_vertex_config": dict,
    "environment_variables": dict,
    "files_settings": list,
    "finetune_settings": list,
    "general_settings": dict,
    "guardrails": list,
    "include": list,
    "litellm_settings": dict,
    "mcp_servers": dict,
    "mcp_tools": list,
    "model_list": list,
    "policies": dict,
    "policy_attachments": list,
    "prompts": list,
    "router_settings": dict,
    "sandbox_tools": list,
    "search_tools": list,
    "vector_store_registry": list,
    "worker_registry": list,
}
TYPE_NAMES = {dict: "a mapping (key: value)", list: "a list (- item)"}
CLOSE = 0.85
TYPOS = 50  # comparing names is slow, and nobody mistypes more
TYPO_LETTERS = 60
LIMITS_OF_A_MODEL = ("rpm", "tpm")
SINGLE = "'include' cannot work: the source is a single object; put the included content into the object itself"
MISSING = {
    "file": "the included file '{}' is not there; put it beside the configuration or remove the entry",
    "prefix": "the included file '{}' is not there; upload it below the prefix or remove the entry",
    "s3": SINGLE,
    "gcs": SINGLE,
}


@dataclass(frozen=True)
class Findings:
    """Errors refuse the configuration; warnings do not."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def validate(bundle: Bundle, *, kind: str, environment: frozenset[str] | None) -> Findings:
    """Check a bundle.

    Args:
        bundle: the files.
        kind: of the source, ``file``, ``s3`` or ``prefix``.
        environment: names of the variables that are set. The gateway looks up the values of ``os.environ/NAME``, so a
            name that is absent here is a warning; None where they may come from secret files, which only it reads.
    """
    root = bundle.parse(CONFIG)
    if not isinstance(root, YamlDocument):
        return Findings(root, ())
    if not root.value and (root.value is None or isinstance(root.value, dict)):
        empty = "the file is empty; LiteLLM needs at least one section, such as model_list"
        return Findings((Problem(CONFIG, None, empty),), ())

    def load(path: str) -> Parsed | None:
        return bundle.parse(path) if path in bundle.files else None

    documents, problems = documents_in_order(root, load, MISSING[kind])
    errors, warnings = list(problems), list[Problem]()
    for document in documents:
        if document is not root and document.value is None:
            continue
        if not isinstance(document.value, dict):
            message = "the top level must be a mapping (section: …), such as model_list: with a list below it"
            errors.append(document.problem(message))
            continue
        errors.extend(_section_problems(document, document.value, warnings))
        errors.extend(_model_problems(document, document.value.get("model_list")))
    found_errors, found_warnings = fallback_problems(documents)
    errors.extend(found_errors)
    warnings.extend(found_warnings)
    warnings.extend(_environment_warnings(documents, environment))
    return Findings(tuple(errors), tuple(warnings))


def _section_problems(
    document: YamlDocument, sections: dict[object, object], warnings: list[Problem]
) -> Iterator[Problem]:
    unknown = 0
    for name, value in sections.items():
        if not isinstance(name, str):
            yield document.problem(
                "the name of a section must be text; quote it", name if isinstance(name, int) else ""
            )
            continue
        wanted = SECTIONS.get(name)
        if wanted is None:
            unknown += 1
            look = unknown <= TYPOS and len(name) <= TYPO_LETTERS
            close = difflib.get_close_matches(name, SECTIONS, n=1, cutoff=CLOSE) if look else []
            if close:
                yield document.problem(f"unknown section '{shown_key(name)}'; did you mean '{close[0]}'?", name)
            else:
                warnings.append(
                    document.problem(f"LiteLLM reads no section '{shown_key(name)}'; it has no effect", name)
                )
        elif value is not None and not isinstance(value, wanted) and name != "include":
            yield document.problem(f"'{name}' must be {TYPE_NAMES[wanted]}", name)


def _model_problems(document: YamlDocument, models: object) -> Iterator[Problem]:
    for at, model in enumerate(models if isinstance(models, list) else ()):
        here: tuple[str | int, ...] = ("model_list", at)
        if not isinstance(model, dict):
            yield document.problem("each model must be a mapping with model_name and litellm_params", *here)
            continue
        if not isinstance(model.get("model_name"), str):
            yield document.problem("the model needs a model_name, as text", *here, "model_name")
        params = model.get("litellm_params")
        if not isinstance(params, dict):
            yield document.problem("the model needs litellm_params, a mapping with 'model'", *here, "litellm_params")
            continue
        if not isinstance(params.get("model"), str):
            message = "litellm_params needs 'model', as text, such as openai/gpt-4o"
            yield document.problem(message, *here, "litellm_params", "model")
        for name in LIMITS_OF_A_MODEL:
            if not _whole_number(params.get(name)):
                yield document.problem(f"'{name}' must be a whole number", *here, "litellm_params", name)


def _whole_number(value: object) -> bool:
    match value:
        case None | int():
            return True
        case float():
            return value.is_integer()
        case str():
            return value.startswith(REFERENCE) or value.strip().lstrip("+-").replace("_", "").isdecimal()
        case _:
            return False


def _environment_warnings(documents: tuple[YamlDocument, ...], environment: frozenset[str] | None) -> Iterator[Problem]:
    if environment is None:
        return
    known = set(environment)
    for document in documents:
        if document.section("general_settings").get("key_management_system"):
            return  # names are looked up in a secret manager
        known.update(str(name) for name in document.section("environment_variables"))
    warned: set[str] = set()
    for document in documents:
        for path, text in strings_with_path(document.value):
            name = text.removeprefix(REFERENCE)
            if name != text and name not in known and name not in warned:
                warned.add(name)
                shown = f"variable {name}" if is_variable(name) else "variable named there"
                yield document.problem(f"the environment {shown} is not set in syncd's environment", *path)
