"""What is known, as of one moment: a snapshot for each mode."""

from dataclasses import dataclass, field
from typing import Literal

from routeiq_syncd.history.standing import FREE, Standing
from routeiq_syncd.lease import Lease, Term
from routeiq_syncd.revision.answer import Answer, Refused
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Outcome
from routeiq_syncd.revision.plan import Barred, Head
from routeiq_syncd.volume.fleet_mark import FleetMark


@dataclass(frozen=True)
class LastError:
    """The error that was met last: when, and a sentence without secrets."""

    at: str
    message: str


@dataclass(frozen=True)
class FetchState:
    """The last turn: when it began, when the source was last read, how the turn ended."""

    attempted_at: str | None = None
    succeeded_at: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Failover:
    """The database goes on with another history than before: system identifier and timeline, each as one text."""

    at: str
    before: str
    after: str


@dataclass(frozen=True)
class Snapshot:
    """All that is known in single mode. Instants are texts as `revision.instants.stamp` writes them.

    Attributes:
        desired: what the volume holds.
        refused: what syncd itself refused; the gateway's refusal is in ``answer``.
        last_error: of the last turn, None where it went well.
        standing_warnings: about the settings, for as long as the process runs.
        warnings: about the configuration.
        troubles: errors that last, by topic, such as ``database``.
        standing: what an operator said about what may be published, and what waits.
    """

    holder_id: str
    source_kind: str
    source_location: str
    running: bool = True
    desired: Manifest | None = None
    answer: Answer = field(default_factory=Answer)
    refused: Refused | None = None
    fetch: FetchState = field(default_factory=FetchState)
    last_error: LastError | None = None
    standing_warnings: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    troubles: tuple[tuple[str, LastError], ...] = ()
    standing: Standing = FREE


@dataclass(frozen=True, kw_only=True)
class ClusterSnapshot(Snapshot):
    """All that is known in leader election.

    Attributes:
        replica_id: this replica, over restarts.
        lock_name: the fleet.
        term: this process's own, None while it is a candidate.
        lease: the row as last seen, None where nobody ever had it or it was not seen yet.
        head: the desired revision as last seen.
        identity: which database it is, over dumps, restores and failovers; empty where that is not known.
        strangers: the fleet in which the volume was last used, where that is another one; else None.
        twin: another process that writes under this replica's id, empty where there is none.
        acked: the newest revision that a gateway of the fleet has acked, as last seen.
        skipped: polls of the source that this process left to the holder.
        seen_at: when the database last answered.
        delivery: how news of a revision comes, ``listen`` or ``poll``.
        server: the history that the database goes on with, empty where it is not known.
        failover: how that changed since this process started.
        barred: why nothing can be written, empty where something can.
        ahead: the highest number that this volume has had, where the database has not, or has other content; else 0.
    """

    replica_id: str
    lock_name: str
    term: Term | None = None
    lease: Lease | None = None
    head: Head | None = None
    acked: Head | None = None
    identity: str = ""
    strangers: FleetMark | None = None
    twin: str = ""
    skipped: int = 0
    seen_at: str | None = None
    delivery: Literal["listen", "poll"] = "poll"
    server: str = ""
    failover: Failover | None = None
    barred: Barred = ""
    ahead: int = 0

    @property
    def unrecorded_ack(self) -> Head | None:
        """The revision that this gateway has acked, where the database may not know that the fleet has."""
        own = self.answer.acked
        if own is None or (self.acked is not None and self.acked.number >= own.number):
            return None
        return Head(own.number, own.digest)


def latest_error(snapshot: Snapshot) -> LastError | None:
    """Return the newest of the errors that last, None where all is well."""
    errors = [error for _, error in snapshot.troubles]
    if snapshot.last_error is not None:
        errors.append(snapshot.last_error)
    return max(errors, key=lambda error: error.at, default=None)
