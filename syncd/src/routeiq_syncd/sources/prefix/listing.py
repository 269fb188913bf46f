"""What a prefix holds at one moment, by the paths of the tree."""

import hashlib
from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import CONFIG, Bounds, Entry, bound_problems, make_partial
from routeiq_syncd.configuration.content.index import INDEX, INDEX_BYTES
from routeiq_syncd.configuration.content.names import Object, is_part, name_problems, shown_name
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.sources.prefix.store import ObjectStore

MOST_LISTED = 20_000
MODELS = "models/"
CODE = (
    "code, a module of Python or a program, is not taken from a bucket; set ROUTEIQ_ALLOW_CODE=true if whoever writes "
    "the bucket may run code in the gateway, or remove it"
)
RUNS = (
    "the file is {}, and is not taken from a bucket; store the model otherwise (safetensors, ONNX, JSON), or set "
    "ROUTEIQ_ALLOW_PICKLE=true if whoever writes the bucket may run code in the gateway"
)


@dataclass(frozen=True)
class Place:
    """Where the bundle is, and what of it is taken.

    Attributes:
        bucket, prefix: the prefix is empty, or ends in a slash.
        model: bucket and key of an object that comes into the bundle as well, or of all below a key that ends in a
            slash; None for none.
        settle: seconds for which the prefix has to be still.
        allow_code, allow_pickle: whether code is taken, and what runs code when it is loaded.
    """

    bucket: str
    prefix: str
    model: tuple[str, str] | None = None
    settle: float = 2.0
    allow_code: bool = False
    allow_pickle: bool = False


@dataclass(frozen=True)
class Listing:
    """What the prefix holds.

    Attributes:
        files: by path, without the index and the models.
        models: of the other bucket, by path.
        index: None where the prefix holds none.
        token: names this state of all these.
        problems: why no bundle can be made of it, whatever the files are.
    """

    files: dict[str, Object]
    models: dict[str, Object]
    index: Object | None
    token: str
    problems: tuple[Problem, ...]


def list_place(store: ObjectStore, place: Place) -> Listing:
    """List the prefix, and the models.

    Raises:
        StoreError: the store cannot be read now.
    """
    listed = store.list(place.bucket, place.prefix, MOST_LISTED)
    by_path = {item.key.removeprefix(place.prefix): item for item in listed}
    files = {path: item for path, item in by_path.items() if is_part(path)}
    problems = list[Problem]()
    if len(listed) > MOST_LISTED:
        problems.append(Problem(CONFIG, None, f"the prefix holds more than {MOST_LISTED} objects; choose another one"))
    models = dict[str, Object]()
    if place.model is not None:
        bucket, key = place.model
        folder = key if key.endswith("/") else key.rpartition("/")[0] + "/" * ("/" in key)
        found = [item for item in store.list(bucket, key, MOST_LISTED) if key.endswith("/") or item.key == key]
        models = {MODELS + name: item for item in found if is_part(name := item.key.removeprefix(folder))}
        if not models:
            problems.append(Problem(MODELS, None, "LLMROUTER_MODEL_S3_KEY names no object of its bucket; mend it"))
        for path in sorted(files.keys() & models.keys()):
            message = "the prefix and LLMROUTER_MODEL_S3_KEY both bring this file; rename one"
            problems.append(Problem(shown_name(path), None, message))
    state = hashlib.sha256()
    for path, item in sorted((files | models | {INDEX: by_path.get(INDEX)}).items(), key=lambda pair: pair[0]):
        fields = None if item is None else (item.bucket, item.key, item.size, item.etag)
        state.update(repr((path, fields)).encode())
    return Listing(files, models, by_path.get(INDEX), f"listing:{state.hexdigest()}", tuple(problems))


def file_problems(files: dict[str, Object], place: Place, bounds: Bounds) -> tuple[Problem, ...]:
    """Say why the files cannot be a bundle, as far as their names and sizes tell."""
    if CONFIG not in files:
        return (Problem(CONFIG, None, f"the prefix holds no {CONFIG}; upload it there, or mend S3_CONFIG_PREFIX"),)
    draft = make_partial((Entry(shown_name(path), item.size, "") for path, item in files.items()), {})
    found = (*name_problems(files), *bound_problems(draft, bounds))
    code = () if place.allow_code else tuple(Problem(path, None, CODE) for path in files if path.endswith(".py"))
    return (*found, *code)


def index_too_large(index: Object) -> Problem | None:
    """Return the problem of an index over its limit."""
    if index.size <= INDEX_BYTES:
        return None
    return Problem(INDEX, None, f"it has {index.size} bytes; at most {INDEX_BYTES} are taken")
