"""What LiteLLM works out anew for every request, worked out for less.

Each takes the place of one name inside LiteLLM, FastAPI or a client and gives the same results; what it is not sure of
goes to what it replaced. ``tests/integration/gateway/test_savings.py`` compares the two. One that rests on the text of
what it replaces is left out where an installation has another text, so an upgrade of LiteLLM is never overruled.
``ROUTEIQ_SAVINGS=false`` leaves out all of them.
"""

import copy
import hashlib
import importlib
import inspect
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

Transform = Callable[[object, object], Coroutine[Any, Any, object]]
ATOMS = frozenset({type(None), bool, int, float, str})
"""Types whose values are their own copies, and hold nothing."""
NUMBERS = frozenset({int, float})
NAMES = frozenset({str})
MOST_DEPLOYMENTS = 8192


def same_rates(original: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Know without pydantic whether a price list's entry of plain values declares a rate.

    To say why a request cost nothing, LiteLLM asks pydantic about each value of the entry, twice a request and to a
    depth of four, and pays for an exception each time.
    """

    def declares(entry: Any) -> bool:  # noqa: ANN401 - as LiteLLM's own
        if type(entry) is not dict or not NAMES.issuperset(map(type, entry)):
            return original(entry)
        positive = False
        for name, value in entry.items():
            if value is None or not ("cost" in name or "pricing" in name):
                continue
            if type(value) not in ATOMS:
                return original(entry)
            positive = positive or (type(value) in NUMBERS and value > 0)
        return positive

    return declares


def same_copies(module: Any) -> object:  # noqa: ANN401 - a module
    """Return a stand-in for the module ``copy`` that copies a plain dictionary without walking it value by value.

    The router copies the whole price list entry of a model, twice a request, to read two limits from it.
    """
    return SimpleNamespace(**{**vars(module), "deepcopy": deepcopy})


def deepcopy(value: Any, memo: dict[int, Any] | None = None) -> Any:  # noqa: ANN401 - as copy.deepcopy
    """Do as ``copy.deepcopy``, faster for a dictionary of plain values and of flat lists and dictionaries of such."""
    if type(value) is not dict or memo is not None or not ATOMS.issuperset(map(type, value)):
        return copy.deepcopy(value, memo)
    result = dict(value)
    copied: set[int] = set()
    for key, item in value.items():
        kind = type(item)
        if kind in ATOMS:
            continue
        flat = kind is list or (kind is dict and ATOMS.issuperset(map(type, item)))
        held = item.values() if kind is dict else item
        if not flat or id(item) in copied or not ATOMS.issuperset(map(type, held)):
            return copy.deepcopy(value, memo)  # nested deeper, or held twice, which a copy has to keep
        copied.add(id(item))
        result[key] = item.copy()
    return result


def same_body(original: Transform) -> Transform:
    """Leave out of a request's body what was not given, and nothing else, where no field has another name on the wire.

    The OpenAI client goes through the body with the types that it may have, each message six times, to rename and to
    format fields. The types of a chat completion ask for neither.
    """
    given = importlib.import_module("openai._utils").is_given

    async def transform(data: object, expected: object) -> object:
        if type(data) is dict and asks_for_nothing(expected):
            body = {key: value for key, value in data.items() if given(value)}
            if all(map(plain, body.values())):
                return body
        return await original(data, expected)

    return transform


@lru_cache
def asks_for_nothing(expected: object) -> bool:
    """Whether no field of a type, to any depth, has an annotation by which the OpenAI client renames or formats it."""
    transforming = importlib.import_module("openai._utils._transform")
    seen: set[object] = set()
    left = [expected]
    while left:
        kind = left.pop()
        if isinstance(kind, transforming.PropertyInfo):
            return False
        if isinstance(kind, list):  # the parameters of a callable
            left += kind
            continue
        if kind in seen:
            continue
        seen.add(kind)
        left += [*getattr(kind, "__metadata__", ()), *typing.get_args(kind)]
        if typing.is_typeddict(kind) or transforming.is_typeddict(kind):
            left += transforming.get_type_hints(kind, include_extras=True).values()
    return True


def plain(value: object) -> bool:
    """Whether a value is of the types of JSON, to any depth."""
    if type(value) is list:
        return all(map(plain, value))
    if type(value) is dict:
        return all(map(plain, value.values()))
    return type(value) in ATOMS


def same_deployments(original: Callable[..., Any]) -> Callable[..., Any]:
    """Copy a deployment's model instead of having pydantic build it from its dictionary, five times a request.

    The copies share nothing that can be changed: it is done for deployments of plain values only, and built anew once
    the dictionary has changed.
    """
    known: dict[int, tuple[object, object, Any]] = {}

    def get_deployment(router: Any, model_id: str) -> Any:  # noqa: ANN401 - LiteLLM's own classes
        index = router.model_id_to_deployment_index_map.get(model_id)
        given = None if index is None else router.model_list[index]
        held = known.get(id(given))
        if held is not None and held[0] is given and held[1] == given:
            return fresh(held[2])
        made = original(router, model_id)
        if type(given) is dict and is_flat(given):
            if len(known) >= MOST_DEPLOYMENTS:
                known.clear()
            known[id(given)] = (given, deepcopy(given), fresh(made))
        return made

    return get_deployment


def is_flat(given: dict[str, Any]) -> bool:
    """Whether a deployment holds plain values, and its two parts do."""
    parts = [given.get("litellm_params"), given.get("model_info")]
    values = [value for name, value in given.items() if name not in {"litellm_params", "model_info"}]
    for part in parts:
        if type(part) is not dict:
            return False
        values += part.values()
    return ATOMS.issuperset(map(type, values))


def fresh(made: Any) -> Any:  # noqa: ANN401 - LiteLLM's own class
    """Return a copy of a deployment with its two parts copied too."""
    copied = made.model_copy()
    copied.__dict__.update(litellm_params=made.litellm_params.model_copy(), model_info=made.model_info.model_copy())
    return copied


def same_answer(original: Callable[..., object]) -> Callable[..., object]:
    """Take an answer of plain JSON for what FastAPI would make of it, part by part: an equal one."""

    def encoded(answer: object, *args: object, **kwargs: object) -> object:
        return answer if not args and not kwargs and encodable(answer) else original(answer, *args, **kwargs)

    return encoded


def encodable(value: Any) -> bool:  # noqa: ANN401 - whatever is answered
    """Whether a value is of the types of JSON, to any depth, with names that FastAPI leaves alone."""
    kind = type(value)
    if kind is dict:
        return all(type(name) is str and not name.startswith("_sa") and encodable(part) for name, part in value.items())
    return all(map(encodable, value)) if kind is list else kind in ATOMS


@dataclass(frozen=True)
class Saving:
    """One replacement: where, by what, and the text that it rests on.

    Attributes:
        text: digest of the text (None: it equals whatever is there).
        rests_on: finds what has the text, given what is replaced.
    """

    module: str
    name: str
    by: Callable[[Any], Any]
    text: str | None = None
    rests_on: Callable[[Any], Any] = field(default=lambda original: original)


SAVINGS = (
    Saving(
        "litellm.litellm_core_utils.llm_cost_calc.zero_cost_diagnostic",
        "_declares_a_rate",
        same_rates,
        "15fcd965448a97bd",
        inspect.getmodule,
    ),
    Saving("litellm.router", "copy", same_copies),
    Saving("litellm.router", "Router.get_deployment", same_deployments, "7c4af5e4db72e6c6"),
    Saving("fastapi.routing", "jsonable_encoder", same_answer, "0372b84692c51e8b"),
    Saving(
        "openai.resources.chat.completions.completions",
        "async_maybe_transform",
        same_body,
        "87320ba768a357d2",
        inspect.getmodule,
    ),
)


def apply(savings: tuple[Saving, ...] = SAVINGS) -> Mapping[str, str]:
    """Put each saving in its place; return those left out, and why."""
    left_out = {}
    for saving in savings:
        try:
            *path, last = saving.name.split(".")
            place: Any = importlib.import_module(saving.module)
            for part in path:
                place = getattr(place, part)
            original = getattr(place, last)
            if saving.text is not None and digest(saving.rests_on(original)) != saving.text:
                left_out[saving.name] = "this release of LiteLLM words it differently"
                continue
        except (ImportError, AttributeError, OSError) as error:
            left_out[saving.name] = f"{type(error).__name__}: {error}"
            continue
        setattr(place, last, saving.by(original))
    return left_out


def digest(written: Any) -> str:  # noqa: ANN401 - whatever has a text
    """Return the start of the sha256 of the text of a function or a module.

    Raises:
        OSError: the installation has no source text.
    """
    return hashlib.sha256(inspect.getsource(written).encode()).hexdigest()[:16]
