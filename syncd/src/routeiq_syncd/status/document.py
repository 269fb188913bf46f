"""The status document: what ``/status`` answers and ``status.json`` holds."""

from datetime import datetime

from routeiq_syncd.history.standing import Pin
from routeiq_syncd.revision.answer import Refused
from routeiq_syncd.revision.instants import seconds_since, stamp
from routeiq_syncd.revision.manifest import FORMAT
from routeiq_syncd.revision.plan import is_unpublished
from routeiq_syncd.status.ownership import not_own
from routeiq_syncd.status.snapshot import ClusterSnapshot, Snapshot, latest_error

Json = dict[str, object]


def document(snapshot: Snapshot, now: datetime) -> Json:
    """Build the status document of ``snapshot`` as of ``now``, from which ages count."""
    cluster = snapshot if isinstance(snapshot, ClusterSnapshot) else None
    waiting = snapshot.standing.waiting
    desired, serving, error = snapshot.desired, snapshot.answer.serving, latest_error(snapshot)
    return {
        "format": FORMAT,
        "enabled": True,
        "running": snapshot.running,
        "mode": "leader_election" if cluster else "single",
        "leader_election": _election(cluster) if cluster else _single(snapshot),
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
        "pin": _pin(snapshot.standing.pin),
        "passed_over": snapshot.standing.passed,
        "waiting": waiting and {"digest": waiting.digest, "why": waiting.why, "since": waiting.since},
        "gateway": {"state": snapshot.answer.state or None, "note": snapshot.answer.note},
        "fetch": {
            "attempted_at": snapshot.fetch.attempted_at,
            "succeeded_at": snapshot.fetch.succeeded_at,
            "seconds_since_success": seconds_since(snapshot.fetch.succeeded_at, now),
            "outcome": snapshot.fetch.outcome,
        },
        "last_error": error and {"at": error.at, "message": error.message},
        "warnings": [*snapshot.standing_warnings, *(not_own(cluster) if cluster else ()), *snapshot.warnings],
        **({"database": _database(cluster, now)} if cluster else {}),
        "updated_at": stamp(now),
    }


def _single(snapshot: Snapshot) -> Json:
    """Build the field ``leader_election`` of single mode, where every syncd leads for its own volume."""
    return {
        "enabled": False,
        "is_leader": True,
        "holder_id": snapshot.holder_id,
        "lease_expires_at": None,
        "skipped_sync_count": 0,
    }


def _election(cluster: ClusterSnapshot) -> Json:
    """Build the field ``leader_election``. A holder that stops is no leader, whatever the row still says."""
    shown = cluster.term or cluster.lease
    return {
        "enabled": True,
        "is_leader": cluster.term is not None,
        "holder_id": shown.holder_id if shown else None,
        "lease_expires_at": stamp(shown.expires_at) if shown else None,
        "skipped_sync_count": cluster.skipped,
    }


def _database(cluster: ClusterSnapshot, now: datetime) -> Json:
    shown, failover = cluster.term or cluster.lease, cluster.failover
    return {
        "replica_id": cluster.replica_id,
        "own_holder_id": cluster.holder_id,
        "lock_name": cluster.lock_name,
        "identity": cluster.identity or None,
        "not_own": list(not_own(cluster)),
        "epoch": shown.epoch if shown else None,
        "desired": cluster.head and {"number": cluster.head.number, "digest": cluster.head.digest},
        "acked": cluster.acked and {"number": cluster.acked.number, "digest": cluster.acked.digest},
        "unpublished": is_unpublished(cluster.desired, cluster.head),
        "delivery": cluster.delivery,
        "server": cluster.server or None,
        "failover": failover and {"at": failover.at, "before": failover.before, "after": failover.after},
        "barred": cluster.barred or None,
        "ahead": cluster.ahead or None,
        "seen_at": cluster.seen_at,
        "seconds_since_seen": seconds_since(cluster.seen_at, now),
    }


def _pin(pin: Pin | None) -> Json | None:
    """Tell a pin without who asked for it and why: nobody needs a key for the status."""
    return None if pin is None else {"number": pin.number, "digest": pin.digest, "at": pin.at}


def _refused(by_syncd: Refused | None, by_gateway: Refused | None) -> Json | None:
    """Tell the later of the two refusals: it is about what the operator did last."""
    refusals = [(by, refused) for by, refused in (("syncd", by_syncd), ("gateway", by_gateway)) if refused is not None]
    if not refusals:
        return None
    by, refused = max(refusals, key=lambda refusal: refusal[1].at)
    return {"by": by, "number": refused.number, "digest": refused.digest, "reason": refused.reason, "at": refused.at}


def last_known(status: Json, now: datetime) -> Json:
    """Return a status document that was read from ``status.json``, as of ``now``: not running, ages grown."""
    aged = {**status, "running": False}
    for name, age, since in (
        ("desired", "age_seconds", "created_at"),
        ("fetch", "seconds_since_success", "succeeded_at"),
    ):
        part = aged.get(name)
        if isinstance(part, dict):
            aged[name] = {**part, age: seconds_since(part.get(since), now)}
    return aged
