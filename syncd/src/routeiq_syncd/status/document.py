"""The status document: what ``/status`` answers and ``status.json`` holds."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from routeiq_syncd.lease import Lease, Term
from routeiq_syncd.revision.answer import Answer, Refused
from routeiq_syncd.revision.instants import seconds_since, stamp
from routeiq_syncd.revision.manifest import FORMAT, Manifest
from routeiq_syncd.revision.plan import Barred, Head, is_unpublished

Outcome = Literal["unchanged", "changed", "refused", "failed"]
Json = dict[str, object]


@dataclass(frozen=True)
class LastError:
    """What went wrong last; a sentence without secrets."""

    at: str
    message: str


@dataclass(frozen=True)
class FetchState:
    """The last turn: when it began, when the source was last read, how it ended."""

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
class Cluster:
    """What leader election adds.

    Attributes:
        replica_id: this replica, over restarts.
        lock_name: the fleet.
        term: this process's own, None while it is a candidate.
        lease: the row as last seen, None where nobody ever had it or it was not seen yet.
        head: the desired revision as last seen.
        skipped: polls of the source that this process left to the holder.
        seen_at: when the database last answered, as written.
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
    skipped: int = 0
    seen_at: str | None = None
    delivery: Literal["listen", "poll"] = "poll"
    server: str = ""
    failover: Failover | None = None
    barred: Barred = ""
    ahead: int = 0


@dataclass(frozen=True)
class Snapshot:
    """All that the status tells. ``refused`` is syncd's own refusal; the gateway's is in ``answer``."""

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
    cluster: Cluster | None = None
    troubles: tuple[tuple[str, LastError], ...] = ()  # by topic, such as ``database``


def document(snapshot: Snapshot, now: datetime) -> Json:
    """Build the status document of a snapshot."""
    desired, serving, error = snapshot.desired, snapshot.answer.serving, latest_error(snapshot)
    return {
        "format": FORMAT,
        "enabled": True,
        "running": snapshot.running,
        "mode": "leader_election" if snapshot.cluster else "single",
        "leader_election": _election(snapshot),
        "source": {"kind": snapshot.source_kind, "location": snapshot.source_location},
        "desired": desired
        and {
            "number": desired.number,
            "digest": desired.digest,
            "created_at": desired.created_at,
            "age_seconds": seconds_since(desired.created_at, now),
        },
        "serving": serving and {"number": serving.number, "digest": serving.digest, "since": serving.since},
        "refused": _refused(snapshot.refused, snapshot.answer.refused),
        "fetch": {
            "attempted_at": snapshot.fetch.attempted_at,
            "succeeded_at": snapshot.fetch.succeeded_at,
            "seconds_since_success": seconds_since(snapshot.fetch.succeeded_at, now),
            "outcome": snapshot.fetch.outcome,
        },
        "last_error": error and {"at": error.at, "message": error.message},
        "warnings": [*snapshot.standing_warnings, *snapshot.warnings],
        **({"database": _database(snapshot, snapshot.cluster, now)} if snapshot.cluster else {}),
        "updated_at": stamp(now),
    }


def latest_error(snapshot: Snapshot) -> LastError | None:
    """Return the newest of the errors that last, None where all is well."""
    errors = [error for _, error in snapshot.troubles]
    if snapshot.last_error is not None:
        errors.append(snapshot.last_error)
    return max(errors, key=lambda error: error.at, default=None)


def _election(snapshot: Snapshot) -> Json:
    """The fields of the deployment guide. A holder that stops is no leader, whatever the row still says."""
    cluster = snapshot.cluster
    if cluster is None:
        return {
            "enabled": False,
            "is_leader": True,
            "holder_id": snapshot.holder_id,
            "lease_expires_at": None,
            "skipped_sync_count": 0,
        }
    shown = cluster.term or cluster.lease
    return {
        "enabled": True,
        "is_leader": cluster.term is not None,
        "holder_id": shown.holder_id if shown else None,
        "lease_expires_at": stamp(shown.expires_at) if shown else None,
        "skipped_sync_count": cluster.skipped,
    }


def _database(snapshot: Snapshot, cluster: Cluster, now: datetime) -> Json:
    shown, failover = cluster.term or cluster.lease, cluster.failover
    return {
        "replica_id": cluster.replica_id,
        "own_holder_id": snapshot.holder_id,
        "lock_name": cluster.lock_name,
        "epoch": shown.epoch if shown else None,
        "desired": cluster.head and {"number": cluster.head.number, "digest": cluster.head.digest},
        "unpublished": is_unpublished(snapshot.desired, cluster.head),
        "delivery": cluster.delivery,
        "server": cluster.server or None,
        "failover": failover and {"at": failover.at, "before": failover.before, "after": failover.after},
        "barred": cluster.barred or None,
        "ahead": cluster.ahead or None,
        "seen_at": cluster.seen_at,
        "seconds_since_seen": seconds_since(cluster.seen_at, now),
    }


def _refused(by_syncd: Refused | None, by_gateway: Refused | None) -> Json | None:
    """Tell the later of the two refusals: it is about what the operator did last."""
    if by_syncd is None and by_gateway is None:
        return None
    if by_gateway is None or (by_syncd is not None and by_syncd.at >= by_gateway.at):
        by, refused = "syncd", by_syncd
    else:
        by, refused = "gateway", by_gateway
    assert refused is not None  # noqa: S101 - one of the two is there
    return {"by": by, "number": refused.number, "digest": refused.digest, "reason": refused.reason, "at": refused.at}


def last_known(document: Json, now: datetime) -> Json:
    """Return a document read from ``status.json`` as of ``now``: not running, ages grown."""
    aged = {**document, "running": False}
    match aged.get("desired"):
        case dict() as desired:
            aged["desired"] = {**desired, "age_seconds": seconds_since(desired.get("created_at"), now)}
        case _:
            pass
    match aged.get("fetch"):
        case dict() as fetch:
            aged["fetch"] = {**fetch, "seconds_since_success": seconds_since(fetch.get("succeeded_at"), now)}
        case _:
            pass
    return aged
