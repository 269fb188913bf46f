"""The board: where the loops write what happened, and the status reads it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from routeiq_syncd.lease import Lease
from routeiq_syncd.reconcile.reconciler import Now, Turn
from routeiq_syncd.revision.answer import Answer
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Barred, Head
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.status.document import Cluster, Failover, FetchState, Json, LastError, Snapshot, document
from routeiq_syncd.status.explain import UNTOLD

NO_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)


class Board:
    """Holds the latest snapshot, logs what is news, and tells who waits that it changed."""

    def __init__(self, snapshot: Snapshot, log: Log, now: Now) -> None:
        self.snapshot = snapshot
        self._log = log
        self._now = now
        self.changed = asyncio.Event()  # for the status file
        self.altered = asyncio.Event()  # for the heartbeat

    def document(self) -> Json:
        """The status document as of now."""
        return document(self.snapshot, self._now())

    def turned(self, turn: Turn, began: str, current: Manifest | None) -> None:
        """Take note of a turn that began at the written instant and left ``current`` on the volume."""
        before = self.snapshot
        succeeded = began if turn.read else before.fetch.succeeded_at
        refused = turn.refused if turn.read and turn.error is None else before.refused
        self._tell(before, turn, current)
        self._replace(
            desired=current,
            refused=refused,
            fetch=FetchState(began, succeeded, turn.outcome),
            last_error=self._last_error(turn.error),
            warnings=before.warnings if turn.warnings is None else turn.warnings,
        )

    def retired(self) -> None:
        """Take note that another asks the source from now on: what was found out about it is that one's to tell."""
        self._replace(refused=None, last_error=None, warnings=())

    def answered(self, answer: Answer) -> None:
        """Take note of what the gateway said."""
        before = self.snapshot.answer
        if answer.serving is not None and answer.serving != before.serving:
            self._log.info("gateway serves", number=answer.serving.number, digest=answer.serving.digest)
        if answer.refused is not None and answer.refused != before.refused:
            refused = answer.refused
            self._log.warning("gateway refused", number=refused.number, digest=refused.digest, reason=refused.reason)
        self._replace(answer=answer)

    def clustered(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Cluster, checked there
        """Take note of what leader election found; nothing happens where nothing differs."""
        before = self.snapshot.cluster
        assert before is not None  # noqa: S101 - only leader election calls
        after = replace(before, **changes)
        if _news(after) != _news(before):
            self._replace(cluster=after)
        else:  # the status tells it when asked, and its file at its next turn
            self.snapshot = replace(self.snapshot, cluster=after)

    def looked(self, lease: Lease | None, head: Head | None, server: str, barred: Barred) -> None:
        """Take note of what a look at the database showed."""
        before = self.snapshot.cluster
        assert before is not None  # noqa: S101 - only leader election calls
        at, failover = stamp(self._now()), before.failover
        # A process that starts after a failover finds it in the lease that was granted before it.
        known = before.server or (lease.server if lease else "")
        if server and known and server != known:
            failover = Failover(at, known, server)
            self._log.warning("database failed over", before=known, after=server, lease_void=bool(lease and lease.void))
        if not server and not barred and (before.server or before.seen_at is None):
            self._log.warning("the database does not tell its system identifier and timeline", hint=UNTOLD)
        self.clustered(
            lease=lease, head=head, seen_at=at, server=server or before.server, failover=failover, barred=barred
        )

    def trouble(self, topic: str, message: str | None) -> None:
        """Take note of an error that lasts until None follows; it is logged when it begins, changes and ends."""
        before = dict(self.snapshot.troubles)
        known = before.pop(topic, None)
        if message is None:
            if known is None:
                return
            self._log.info("recovered", topic=topic)
        elif known is not None and known.message == message:
            return
        else:
            self._log.error("trouble", topic=topic, reason=message)
            before[topic] = LastError(stamp(self._now()), message)
        self._replace(troubles=tuple(before.items()))

    def materialised(self, current: Manifest | None) -> None:
        """Take note of what the volume holds now."""
        if current is not None and current != self.snapshot.desired:
            self._log.info("revision materialised", number=current.number, digest=current.digest)
        if current != self.snapshot.desired:
            self._replace(desired=current)

    def stopping(self) -> None:
        """Take note that the process ends."""
        self._replace(running=False)

    def _replace(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Snapshot, checked there
        self.snapshot = replace(self.snapshot, **changes)
        self.changed.set()
        self.altered.set()

    def _last_error(self, message: str | None) -> LastError | None:
        return None if message is None else LastError(stamp(self._now()), message)

    def _tell(self, before: Snapshot, turn: Turn, current: Manifest | None) -> None:
        """Log what differs from before; a state that lasts is told once."""
        error = before.last_error.message if before.last_error else None
        if turn.error is not None and turn.error != error:
            self._log.error("turn failed", reason=turn.error)
        elif turn.error is None and error is not None:
            self._log.info("recovered")
        if turn.refused is not None and turn.refused != before.refused:
            self._log.error("configuration refused", digest=turn.refused.digest, reason=turn.refused.reason)
        if turn.outcome == "changed" and current is not None and current != before.desired:
            self._log.info("revision materialised", number=current.number, digest=current.digest)
        if turn.warnings is not None and turn.warnings != before.warnings:
            for warning in turn.warnings:
                self._log.warning("configuration warning", warning=warning)
        if turn.removed:
            self._log.info("revisions collected", names=list(turn.removed))


def _news(cluster: Cluster) -> Cluster:
    """What is worth writing a file for: not that the database answered, and not that a lease runs on."""
    lease = cluster.lease and replace(cluster.lease, remaining=0.0, expires_at=NO_INSTANT, guarded=False)
    term = cluster.term and replace(cluster.term, trusted_until=0.0, expires_at=NO_INSTANT)
    return replace(cluster, lease=lease, term=term, seen_at=None, skipped=0)
