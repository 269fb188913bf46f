"""The ``.env`` that LiteLLM's import reads, read before anything else, and once.

LiteLLM's import puts the variables of the nearest ``.env`` above its own folder into the environment, where they are
not set yet. That comes too late for the gateway's own settings, and would bring back what was taken out of the
environment on purpose. So the gateway reads the same file first, and the import reads none.
"""

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import dotenv

SWITCH = "PYTHON_DOTENV_DISABLED"
NAME = ".env"


class BadEnvFileError(ValueError):
    """The file cannot be read; the message names it."""


def read_env_file() -> Path | None:
    """Add to the environment what LiteLLM's import would add; return the path of the file, None where there is none.

    What is set already wins, as in LiteLLM, also where it is set to nothing.

    Raises:
        BadEnvFileError: the file is there and cannot be read, or is not UTF-8.
    """
    if os.environ.get("LITELLM_MODE", "DEV") != "DEV":
        return None
    spec = importlib.util.find_spec("litellm")
    if spec is None or spec.origin is None:
        return None
    folders = Path(spec.origin).absolute().parents
    path = next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)
    if path is not None:
        try:
            dotenv.load_dotenv(path)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise BadEnvFileError(f"{path}: {reason}; mend it or remove it") from error
    return path


@contextlib.contextmanager
def import_environment() -> Iterator[None]:
    """Have an import read no ``.env`` and find no empty variable: LiteLLM reads many a number without a look."""
    empty = {name for name, value in os.environ.items() if not value}
    for name in empty:
        del os.environ[name]
    own = SWITCH not in os.environ
    os.environ.setdefault(SWITCH, "true")
    try:
        yield
    finally:
        if own:
            del os.environ[SWITCH]
        os.environ.update(dict.fromkeys(empty - os.environ.keys(), ""))
