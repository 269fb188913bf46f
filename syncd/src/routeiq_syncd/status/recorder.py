"""The recorder: the loops report to it what happened, and the status document is built from what it knows."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from routeiq_syncd.history.standing import Standing
from routeiq_syncd.lease import Lease
from routeiq_syncd.revision.answer import Answer
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.outcome import Turn
from routeiq_syncd.revision.plan import Barred, Head
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.status.document import Json, document
from routeiq_syncd.status.explain import SERVER_UNKNOWN
from routeiq_syncd.status.ownership import not_own
from routeiq_syncd.status.snapshot import ClusterSnapshot, Failover, FetchState, LastError, Snapshot

NO_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(eq=False)
class Recorder:
    """Holds the latest snapshot, logs news, and says which copies of it are out of date.

    Attributes:
        snapshot: what is known now.
        file_due: set when the status file tells less than the snapshot.
        row_due: set when the replica's row may tell less than the snapshot.
    """

    snapshot: Snapshot
    log: Log
    now: Now
    file_due: asyncio.Event = field(default_factory=asyncio.Event)
    row_due: asyncio.Event = field(default_factory=asyncio.Event)

    def document(self) -> Json:
        """Return the status document as of now."""
        return document(self.snapshot, self.now())

    def turned(self, turn: Turn, began: str, current: Manifest | None) -> None:
        """Record a turn; ``began`` is an instant as written, and ``current`` is what the turn left on the volume."""
        before = self.snapshot
        succeeded = began if turn.read else before.fetch.succeeded_at
        refused = turn.refused if turn.read and turn.error is None else before.refused
        self._log_news(before, turn)
        self.materialised(current)
        self._replace(
            refused=refused,
            fetch=FetchState(began, succeeded, turn.outcome),
            last_error=None if turn.error is None else LastError(stamp(self.now()), turn.error),
            warnings=before.warnings if turn.warnings is None else turn.warnings,
            standing=turn.standing or before.standing,
        )

    def retired(self) -> None:
        """Forget what this replica found out about the source, which another replica asks from now on."""
        self._replace(refused=None, last_error=None, warnings=())

    def answered(self, answer: Answer) -> None:
        """Record the gateway's answer."""
        before = self.snapshot.answer
        if answer.serving is not None and answer.serving != before.serving:
            self.log.info("gateway serves", number=answer.serving.number, digest=answer.serving.digest)
        if answer.refused is not None and answer.refused != before.refused:
            refused = answer.refused
            self.log.warning("gateway refused", number=refused.number, digest=refused.digest, reason=refused.reason)
        self._replace(answer=answer)

    def trouble(self, topic: str, message: str | None) -> None:
        """Record an error that lasts until None follows; it is logged when it begins, changes and ends."""
        troubles = dict(self.snapshot.troubles)
        before = troubles.pop(topic, None)
        if message == (before.message if before else None):
            return
        if message is None:
            self.log.info("recovered", topic=topic)
        else:
            self.log.error("trouble", topic=topic, reason=message)
            troubles[topic] = LastError(stamp(self.now()), message)
        self._replace(troubles=tuple(troubles.items()))

    def materialised(self, current: Manifest | None) -> None:
        """Record what the volume holds now."""
        if current != self.snapshot.desired:
            if current is not None:
                self.log.info("revision materialised", number=current.number, digest=current.digest)
            self._replace(desired=current)

    def stands(self, standing: Standing) -> None:
        """Record what stands between the source and the desired revision."""
        if standing != self.snapshot.standing:
            self._replace(standing=standing)

    def stopping(self) -> None:
        """Record that the process ends."""
        self._replace(running=False)

    def _replace(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Snapshot, checked there
        self.snapshot = replace(self.snapshot, **changes)
        self.file_due.set()
        self.row_due.set()

    def _log_news(self, before: Snapshot, turn: Turn) -> None:
        """Log what differs from before; a state that lasts is logged once."""
        error = before.last_error.message if before.last_error else None
        if turn.error is not None and turn.error != error:
            self.log.error("turn failed", reason=turn.error)
        elif turn.error is None and error is not None:
            self.log.info("recovered")
        if turn.refused is not None and turn.refused != before.refused:
            self.log.error("configuration refused", digest=turn.refused.digest, reason=turn.refused.reason)
        if turn.warnings is not None and turn.warnings != before.warnings:
            for warning in turn.warnings:
                self.log.warning("configuration warning", warning=warning)
        waiting = turn.standing.waiting if turn.standing else None
        if waiting is not None and waiting != before.standing.waiting:
            self.log.warning("a change waits", digest=waiting.digest, why=waiting.why)
        if turn.removed:
            self.log.info("revisions collected", names=list(turn.removed))


@dataclass(eq=False)
class ClusterRecorder(Recorder):
    """A recorder of leader election."""

    snapshot: ClusterSnapshot
    _told: tuple[str, ...] = ()

    def _replace(self, **changes: Any) -> None:  # noqa: ANN401 - as above
        super()._replace(**changes)
        told, self._told = self._told, not_own(self.snapshot)
        for sentence in self._told:
            if sentence not in told:
                self.log.warning("not this replica's own", reason=sentence)

    def clustered(self, **changes: Any) -> None:  # noqa: ANN401 - fields of ClusterSnapshot, checked there
        """Record what leader election found, by the names of the snapshot's fields."""
        after = replace(self.snapshot, **changes)
        if _news(after) != _news(self.snapshot):
            self._replace(**changes)
        else:  # the status shows it when asked, and its file when that is next written
            self.snapshot = after

    def looked(self, lease: Lease | None, head: Head | None, server: str, barred: Barred) -> None:
        """Record what a look at the database showed; the arguments are fields of `ClusterSnapshot`."""
        before = self.snapshot
        at, failover = stamp(self.now()), before.failover
        # A process that starts after a failover finds it in the lease that was granted before it.
        known = before.server or (lease.server if lease else "")
        if server and known and server != known:
            failover = Failover(at, known, server)
            self.log.warning("database failed over", before=known, after=server, lease_void=bool(lease and lease.void))
        if not server and not barred and (before.server or before.seen_at is None):
            self.log.warning("the database does not tell its system identifier and timeline", hint=SERVER_UNKNOWN)
        self.clustered(
            lease=lease, head=head, seen_at=at, server=server or before.server, failover=failover, barred=barred
        )


def _news(snapshot: ClusterSnapshot) -> ClusterSnapshot:
    """Blank the fields that change at every look, so that they alone do not cause a write of the file."""
    lease = snapshot.lease and replace(snapshot.lease, remaining=0.0, expires_at=NO_INSTANT, guarded=False)
    term = snapshot.term and replace(snapshot.term, trusted_until=0.0, expires_at=NO_INSTANT)
    return replace(snapshot, lease=lease, term=term, seen_at=None, skipped=0)
