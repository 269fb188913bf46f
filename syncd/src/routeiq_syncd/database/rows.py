"""The rows of the schema ``routeiq`` as values."""

from dataclasses import dataclass

from routeiq_syncd.lease import Lease
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Barred, Head
from routeiq_syncd.revision.pointer import Pointer


@dataclass(frozen=True)
class Sight:
    """What one look shows.

    Attributes:
        lease: None where it was never taken.
        head: the desired revision, None where none is published.
        server: the history that the database goes on with; empty on a standby, and where the server does not tell.
        barred: why nothing can be written, empty where something can.
    """

    lease: Lease | None
    head: Head | None
    server: str = ""
    barred: Barred = ""


@dataclass(frozen=True)
class Stored:
    """A revision as the database holds it; ``document`` is its manifest as written, unknown fields included."""

    manifest: Manifest
    document: bytes
    content: bytes | Pointer


@dataclass(frozen=True)
class Found:
    """What the holder has to act on.

    Attributes:
        ahead: the number of the replica that is furthest ahead of the database, 0 for none.
        stuck: whether a replica cannot have the desired revision.
    """

    ahead: int
    stuck: bool


@dataclass(frozen=True)
class Beat:
    """One replica's row."""

    pod: str
    versions: str
    desired: int | None
    serving: int | None
    state: str
    refused: str | None
    reason: str
