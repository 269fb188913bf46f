"""The rows of the schema ``routeiq`` as values."""

from dataclasses import dataclass

from routeiq_syncd.history.standing import FREE, Standing
from routeiq_syncd.lease import Lease
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Barred, Head
from routeiq_syncd.revision.pointer import Pointer


@dataclass(frozen=True)
class Sight:
    """What one look at the database shows.

    Attributes:
        lease: the lease; None where nobody has ever taken it.
        head: the desired revision, None where none is published.
        server: the history that the database goes on with; empty on a standby, and where the server does not tell.
        barred: why the database cannot be written, empty where it can.
        acked: the newest revision that a gateway of the fleet has acked, None for none.
        standing: what an operator said about what may be published, and what waits.
        identity: which database this is, over dumps, restores and failovers; empty where it has lost its identity.
    """

    lease: Lease | None
    head: Head | None
    server: str = ""
    barred: Barred = ""
    acked: Head | None = None
    identity: str = ""
    standing: Standing = FREE


@dataclass(frozen=True)
class Overtaken:
    """Nothing was recorded: a pin or a rollback that was recorded meanwhile holds the content back."""


@dataclass(frozen=True)
class Stored:
    """A revision as the database holds it.

    Attributes:
        manifest: its manifest.
        written: the manifest as it was written, with fields that this release does not know.
        content: the payload, opened, or the pointer to the content.
    """

    manifest: Manifest
    written: bytes
    content: bytes | Pointer


@dataclass(frozen=True)
class FleetNeeds:
    """What the replicas' rows ask of the holder.

    Attributes:
        ahead: the number of the replica that is furthest ahead of the database, 0 where no replica is ahead.
        stuck: whether a replica cannot have the desired revision.
    """

    ahead: int
    stuck: bool


@dataclass(frozen=True)
class ReplicaRow:
    """What one replica writes about itself.

    Attributes:
        pod: the name of its machine.
        versions: the releases of its processes, a JSON object.
        desired: the number of the revision that it wants, None for none.
        serving: the number of the revision that its gateway serves, None for none.
        state: its state in one word.
        refused: the digest that it refused, None for none.
        reason: why it refused the digest or is stuck, empty where it is well.
        process: the process that writes it; no two share one.
    """

    pod: str
    versions: str
    desired: int | None
    serving: int | None
    state: str
    refused: str | None
    reason: str
    process: str = ""
