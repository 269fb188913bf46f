"""Do fallbacks name models that exist? LiteLLM itself finds out when the first request has nowhere to go.

Source: ``get_fallback_model_group`` in LiteLLM's ``router_utils/fallback_event_handlers.py`` and ``validate_fallbacks``
in ``router.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from routeiq_syncd.configuration.harmless import shown_text
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.configuration.yaml_lines import YamlDocument, mapping_in

SETTINGS = ("router_settings", "litellm_settings")
VALIDATED_BY_LITELLM = ("fallbacks", "content_policy_fallbacks")
LISTS = (*VALIDATED_BY_LITELLM, "context_window_fallbacks")
DEFAULTS = "default_fallbacks"
PATTERNS = 200  # each name is compared with each pattern; with more patterns than this, none is


@dataclass(frozen=True)
class Models:
    """The names that a request can be routed to.

    Attributes:
        aliases: other names of models, which LiteLLM follows where a client sends them and in no fallback.
        open_ended: whether a database can add more names.
    """

    names: frozenset[str]
    aliases: frozenset[str]
    patterns: tuple[str, ...]
    open_ended: bool

    def has(self, name: str) -> bool:
        """Whether LiteLLM's router would find a deployment for ``name``."""
        return name in self.names or any(_matches(name, pattern) for pattern in self.patterns)


def fallback_problems(documents: tuple[YamlDocument, ...]) -> tuple[list[Problem], list[Problem]]:
    """Return errors and warnings about the fallbacks of all documents, which LiteLLM merges into one."""
    models = _models(documents)
    errors, warnings = list[Problem](), list[Problem]()

    def tell(document: YamlDocument, targets: object, *path: str | int) -> None:
        for name in _unknown(models, targets):
            if name in models.aliases:
                alias = f"the fallback '{shown_text(name)}' is an alias of model_alias_map, where LiteLLM does not look"
                warnings.append(document.problem(f"{alias}; name the model itself", *path))
            else:
                unknown = warnings if models.open_ended else errors
                unknown.append(document.problem(f"the fallback '{shown_text(name)}' is not in model_list", *path))

    for document in documents:
        for settings in SETTINGS:
            values = document.section(settings)
            for name in LISTS:
                for at, item in enumerate(_list(values.get(name))):
                    path = (settings, name, at)
                    if isinstance(item, dict) and len(item) == 1:
                        tell(document, next(iter(item.values())), *path)
                        warnings.extend(_unknown_source(document, models, next(iter(item)), path))
                    elif name in VALIDATED_BY_LITELLM:
                        message = f"each of '{name}' must be a mapping with one key: {{model: [other models]}}"
                        errors.append(document.problem(message, *path))
            tell(document, values.get(DEFAULTS), settings, DEFAULTS)
    return errors, warnings


def _unknown(models: Models, targets: object) -> Iterator[str]:
    for target in _list(targets):
        name = target.get("model") if isinstance(target, dict) else target
        if isinstance(name, str) and not name.startswith("os.environ/") and not models.has(name):
            yield name


def _unknown_source(
    document: YamlDocument, models: Models, source: object, path: tuple[str | int, ...]
) -> Iterator[Problem]:
    if isinstance(source, str) and source != "*" and not models.open_ended and not models.has(source):
        message = f"a fallback is declared for '{shown_text(source)}', which is not in model_list; it may never apply"
        yield document.problem(message, *path)


def _models(documents: tuple[YamlDocument, ...]) -> Models:
    names, aliases = set[str](), set[str]()
    open_ended = False
    for document in documents:
        models = document.value.get("model_list") if isinstance(document.value, dict) else None
        for model in _list(models):
            if not isinstance(model, dict):
                continue
            info = mapping_in(model, "model_info")
            mentioned = (model.get("model_name"), info.get("id"), info.get("team_public_model_name"))
            names.update(name for name in mentioned if isinstance(name, str))
        names.update(map(str, mapping_in(document.section("router_settings"), "model_group_alias")))
        aliases.update(map(str, mapping_in(document.section("litellm_settings"), "model_alias_map")))
        # Any value but a plain false may mean true, since it can come from a variable.
        stored = document.section("general_settings").get("store_model_in_db")
        open_ended = open_ended or stored not in (None, False)
    patterns = tuple(name for name in names if "*" in name)
    if len(patterns) > PATTERNS:
        patterns, open_ended = (), True
    return Models(frozenset(names), frozenset(aliases), patterns, open_ended)


def _matches(name: str, pattern: str) -> bool:
    """Whether ``name`` fits a pattern whose ``*`` stand for anything; in linear time, unlike a regular expression."""
    first, *middle, last = pattern.split("*")
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
