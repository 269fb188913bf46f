"""The answers of a source. A token names a version of the source's content, and only the source understands it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.revision.manifest import SourceVersion
from routeiq_syncd.revision.pointer import Pointer


@dataclass(frozen=True)
class Fetched:
    """A bundle, read whole and bound to its version.

    Attributes:
        pointer: where others can fetch the whole, None for nowhere.
        together: whether the source is a prefix, whose objects make the bundle together.
        origins: of a prefix, where others can fetch the files that do not travel in the row, by path.
    """

    bundle: Bundle
    version: SourceVersion
    token: str
    pointer: Pointer | None = None
    together: bool = False
    origins: Mapping[str, Pointer] = field(default_factory=dict)


@dataclass(frozen=True)
class Unchanged:
    """The source still holds the version that the caller named."""


@dataclass(frozen=True)
class Unacceptable:
    """No bundle can be made of the content, by its own fault; without a ``token`` the next turn reads it again."""

    problems: tuple[Problem, ...]
    token: str | None


@dataclass(frozen=True)
class Unsettled:
    """The source is being changed, and was read well; ``message`` is a sentence that says what is waited for."""

    message: str


@dataclass(frozen=True)
class Failed:
    """The source could not be read; ``message`` is a sentence without secrets."""

    message: str


Fetch = Fetched | Unchanged | Unsettled | Unacceptable | Failed
