"""What the parent does: the actions that `generations` decides on, and that the loop carries out in their order."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Literal

from routeiq_gateway.parent.events import Purpose
from routeiq_gateway.volume.volume import Revision

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Read:
    """Read and stage the revision at ``target``; brings `Staged` or `NotStaged`."""

    purpose: Purpose
    target: str


@dataclass(frozen=True)
class FallBack:
    """Read and stage the best revision to serve in place of the refused one named here; brings the same events.

    ``tried`` are the digests of what was refused since nothing is served.
    """

    number: int
    digest: str
    reason: str
    tried: frozenset[str] = frozenset()

    def of(self, number: int, digest: str, reason: str) -> "FallBack":
        """Return the fallback from another revision that was refused, which does not try again what was tried."""
        return FallBack(number, digest, reason, self.tried | {digest})

    def without(self, digest: str) -> "FallBack":
        """Return the same fallback, which does not try the revision of this digest."""
        return replace(self, tried=self.tried | {digest})

    @property
    def note(self) -> str:
        """Why the gateway is not ready as long as there is nothing to fall back to."""
        return f"revision {self.number} is refused: {self.reason}"


@dataclass(frozen=True)
class Fork:
    """Fork a worker on ``revision`` (None: a placeholder); where that fails, it brings `NotForked`."""

    worker: int
    revision: Revision | None
    trial: bool = False


@dataclass(frozen=True)
class Send:
    """Send a message to a worker: ``accept``, ``drain`` with its limits, or ``reloaded`` with the outcome."""

    worker: int
    kind: Literal["accept", "drain", "reloaded"]
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Kill:
    """Send SIGKILL to a worker; nothing happens where no such process exists."""

    worker: int


@dataclass(frozen=True)
class Ack:
    """Record that the gateway serves ``revision``."""

    revision: Revision


@dataclass(frozen=True)
class Nack:
    """Record that the gateway refuses a revision, and why."""

    number: int
    digest: str
    reason: str


@dataclass(frozen=True)
class RefuseSecrets:
    """Record that the revision that is served cannot be served with the newest secret set, and why."""

    reason: str


@dataclass(frozen=True)
class Verdict:
    """Record the result of a trial; ``reason`` is None where the candidate passed."""

    number: int
    digest: str
    reason: str | None


@dataclass(frozen=True)
class Log:
    """Write a line of the log; ``worker`` is shown by its pid."""

    level: Level
    event: str
    fields: Mapping[str, object]
    worker: int | None = None


class Do(Enum):
    """Actions without arguments."""

    LISTEN = auto()  # let clients connect
    CLOSE_LISTENER = auto()  # else the kernel would go on queueing connections for nobody
    ASK_ORPHANS = auto()  # ask whether orphans serve, which keeps them serving; brings `Orphans`
    PUBLISH = auto()  # show the state to the workers and on the volume
    TIDY = auto()  # remove what was staged for revisions that no worker is on


Action = Read | FallBack | Fork | Send | Kill | Ack | Nack | RefuseSecrets | Verdict | Log | Do
