"""What the parent learns: the events that `generations` decides about.

A worker is a number that `generations` gives. Instants are in seconds of a monotonic clock.
"""

from dataclasses import dataclass
from typing import Literal

from routeiq_gateway.volume.volume import Revision

Purpose = Literal["reload", "fallback", "placeholder", "replacement", "trial"]
Asker = tuple[int, int]
"""Who asked for a reload: the worker, and the number that the worker gave its question."""


@dataclass(frozen=True)
class Tick:
    """Time has passed.

    Attributes:
        current, candidate: where these links of the volume point; None for a link that is missing or unreadable.
        obstacle: why `current` cannot be read although something stands in its place.
        acked: where the link `acked` points, to the newest revision that the fleet acked and this replica has.
        answered: whether the gateway's answer is still on the volume.
        secrets: the number of the newest secret set.
    """

    current: str | None = None
    candidate: str | None = None
    obstacle: str | None = None
    answered: bool = True
    acked: str | None = None
    secrets: int = 0


@dataclass(frozen=True)
class Staged:
    """A revision was read, checked against its manifest, and laid out for workers."""

    purpose: Purpose
    revision: Revision


@dataclass(frozen=True)
class NotStaged:
    """The revision of that number and digest cannot be brought up, or there is nothing to fall back to.

    Attributes:
        passing: the revision is not to blame (a full disk, for example), so the gateway tries it again.
        known: the manifest could be read, so a verdict on the digest is possible.
    """

    purpose: Purpose
    number: int
    digest: str
    reason: str
    passing: bool = False
    known: bool = True


@dataclass(frozen=True)
class Ready:
    """A worker has started LiteLLM and waits for the word to accept."""

    worker: int


@dataclass(frozen=True)
class Failed:
    """A worker's start has failed; ``passing`` where an outage is to blame and not the revision."""

    worker: int
    reason: str
    passing: bool = False


@dataclass(frozen=True)
class NotForked:
    """The kernel refused a new process, a descriptor or disk space, so this worker never existed."""

    worker: int
    reason: str


@dataclass(frozen=True)
class Died:
    """A worker's process has ended; ``ended`` names its signal or exit code."""

    worker: int
    ended: str


@dataclass(frozen=True)
class Worn:
    """A worker is past the limit that the setting ``limit`` gives."""

    worker: int
    limit: str


@dataclass(frozen=True)
class Hung:
    """The loop of a worker has not turned for ``seconds``, and still does not; ``stack`` tells where it stands."""

    worker: int
    seconds: float
    stack: str


@dataclass(frozen=True)
class ReloadAsked:
    """A reload is asked for, by a client through a worker or by SIGHUP (no asker), while `current` points there."""

    asker: Asker | None
    current: str | None


@dataclass(frozen=True)
class Orphans:
    """Whether orphans of an earlier parent serve a revision."""

    serve: bool


@dataclass(frozen=True)
class Stop:
    """The gateway is told to stop; a second time: to stop at once."""


Event = Tick | Staged | NotStaged | Ready | Failed | NotForked | Died | Worn | Hung | ReloadAsked | Orphans | Stop
