"""The answers of a source. A token names a version of the source's content, and only the source understands it."""

from dataclasses import dataclass

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.revision.manifest import SourceVersion
from routeiq_syncd.revision.pointer import Pointer


@dataclass(frozen=True)
class Fetched:
    """A bundle, read whole and bound to its version; ``pointer`` is where others can fetch it, None for nowhere."""

    bundle: Bundle
    version: SourceVersion
    token: str
    pointer: Pointer | None = None


@dataclass(frozen=True)
class Unchanged:
    """The source still holds the version that the caller named."""


@dataclass(frozen=True)
class Unacceptable:
    """No bundle can be made of the content, by its own fault; without a ``token`` the next turn reads it again."""

    problems: tuple[Problem, ...]
    token: str | None


@dataclass(frozen=True)
class Failed:
    """The source could not be read; ``message`` is a sentence without secrets."""

    message: str


Fetch = Fetched | Unchanged | Unacceptable | Failed
